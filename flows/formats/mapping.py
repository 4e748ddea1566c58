"""A source's mapping as SQL expressions, and the columns of an extract that they speak of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import duckdb

from flows.errors import ExtractError
from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.vendor_format import EventFormat, VendorFormat
from flows.sources import AnyFiles, ChartFiles, EventSource
from flows.sql import name_in_sql, text_in_sql

_IDENTITY = ("user_id", "anonymous_id", "event_time", "event_name", "event_id")
"""Without these an event is another one, or none."""

IDENTIFIERS = ("user_id", "anonymous_id")
"""The canonical columns that say who it was, in the order in which they are asked."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """``expressions`` by canonical column, over the extract's ``needed`` columns.

    An extract that lacks one of ``required`` is not an extract of this source; any other column
    that it lacks is null. ``has_types`` says whether expressions expect columns with types of their
    own (a mapping from the sources file) or text throughout (a vendor's format). ``merges`` says
    with which known user an anonymous one is merged, where rows tell that at all. ``given`` are the
    canonical columns that the sources file maps itself; ``id_prefix``, ``former_event_id``,
    ``former_user_id``, ``content_order``, ``link`` and ``no_links`` are the format's, see
    formats.vendor_format.
    """

    expressions: dict[str, str]
    needed: frozenset[str]
    required: frozenset[str]
    has_types: bool = True
    merges: Literal["first", "last"] | None = None
    given: frozenset[str] = frozenset()
    id_prefix: str = ""
    former_event_id: str | None = None
    former_user_id: str | None = None
    content_order: str | None = None
    link: str | None = None
    no_links: tuple[str, ...] = ()

    def identifiers(self, column: str) -> tuple[str, ...]:
        """The expressions of which the first that gives an id is the user or anonymous id."""
        expression = self.expressions.get(column)
        return alternatives(expression) if expression else ()

    def evaluated(self) -> frozenset[str]:
        """Every expression as it is evaluated: of ids each alternative by itself."""
        return frozenset(
            one
            for column, expression in self.expressions.items()
            for one in (self.identifiers(column) if column in IDENTIFIERS else (expression,))
        )

    def fallible(self) -> dict[str, str]:
        """The expressions of the sources file by canonical column, but for bare columns."""
        return {
            column: expression
            for column, expression in self.expressions.items()
            if column in self.given and not is_bare_column(expression)
        }

    def references(self, column: str) -> frozenset[str]:
        """The extract's columns that a canonical column is made of."""
        expression = self.expressions.get(column)
        return column_references(expression) if expression else frozenset()


def mapping_in_sql(source: AnyFiles) -> Mapped:
    """A source's mapping. Raises ExtractError naming the one that is not an expression.

    A column whose name is an SQL word, such as at or order, need not be quoted in the sources
    file.
    """
    given = {
        column: _quoted_if_a_name(source.name, column, expression)
        for column, expression in source.columns.items()
    }
    if source.format == "custom":
        needed = _IDENTITY if isinstance(source, EventSource) else given
        return _mapped(given, set(given).intersection(needed))
    if isinstance(source, EventSource):
        return _vendors(EVENT_FORMATS[source.format], given, source.export_timezone or "UTC")
    if isinstance(source, ChartFiles):
        raise ValueError(f"{source.format} is a document, not a table")
    return _vendors((INSTALL_FORMATS | REVIEW_FORMATS)[source.format], given, "UTC")


def _vendors(form: VendorFormat, given: dict[str, str], zone: str) -> Mapped:
    """A vendor's mapping, corrected by the sources file."""
    standing = {c: e.replace("{timezone}", text_in_sql(zone)) for c, e in form.columns.items()}
    expressions = standing | given
    former, former_user, order = None, None, None
    if isinstance(form, EventFormat) and "event_id" not in given:
        former, former_user = form.former_event_id, form.former_user_id
        order = form.content_order
    link = form.link if isinstance(form, EventFormat) else None
    beside = {"former_event_id": former, "content_order": order, "link": link}
    return Mapped(
        expressions=expressions,
        needed=_all_references(expressions | {c: e for c, e in beside.items() if e}),
        required=form.required,
        has_types=False,
        merges=form.merges if isinstance(form, EventFormat) else None,
        given=frozenset(given),
        id_prefix=form.id_prefix if isinstance(form, EventFormat) else "",
        former_event_id=former,
        former_user_id=former_user,
        content_order=order,
        link=link,
        no_links=form.no_links if isinstance(form, EventFormat) else (),
    )


def _mapped(expressions: dict[str, str], required: set[str]) -> Mapped:
    return Mapped(
        expressions=expressions,
        needed=_all_references(expressions),
        required=_all_references({c: expressions[c] for c in required}),
        merges="first" if "anonymous_id" in expressions else None,
        given=frozenset(expressions),
    )


def _all_references(expressions: Mapping[str, str]) -> frozenset[str]:
    """Names without regard to case, as DuckDB tells columns apart."""
    found = sorted(frozenset().union(*(column_references(e) for e in expressions.values())))
    return frozenset({name.lower(): name for name in found}.values())


def _quoted_if_a_name(source: str, column: str, expression: str) -> str:
    try:
        column_references(expression)
    except ExtractError as error:
        if re.fullmatch(r"[A-Za-z_]\w*", expression):
            return name_in_sql(expression)
        raise ExtractError(f"{source}: columns.{column}: {error}") from None
    return expression


@cache
def column_references(expression: str) -> frozenset[str]:
    """The columns that a SQL expression speaks of. Raises ExtractError when it is not one."""
    return frozenset(names[0] for names in _references(_parse(expression)))


@cache
def is_bare_column(expression: str) -> bool:
    """Whether an expression is nothing but the name of a column."""
    return bool(_parse(expression).get("class") == "COLUMN_REF")


@cache
def alternatives(expression: str) -> tuple[str, ...]:
    """The parts of a ``coalesce``, those within it as well, or the expression itself."""
    node = _parse(expression)
    if node.get("type") != "OPERATOR_COALESCE":
        return (expression,)
    parts = _arguments(expression)
    if len(parts) != len(node["children"]):  # there are brackets around it
        inside = re.fullmatch(r"\s*\((.*)\)\s*", expression, re.DOTALL)
        return alternatives(inside[1]) if inside else (expression,)
    return tuple(one for part in parts for one in alternatives(part))


def _arguments(call: str) -> list[str]:
    """The arguments of a function's call in SQL text, as they are written."""
    inside = call.strip().removesuffix(")").partition("(")[2]
    parts, depth = [""], 0
    for token in re.findall(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*\n|.", inside, re.DOTALL):
        depth += (token in "([{") - (token in ")]}")
        if token == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]


@cache
def is_always_tried(expression: str, column: str) -> bool:
    """Whether an expression names a column within ``try_cast`` only: null is what it asks for."""
    untried = [names[0].lower() for names in _references(_parse(expression), tried=False)]
    return column.lower() not in untried


def fails_in_sql(expression: str) -> str:
    """SQL that says of a row whether an expression fails on it, where null may be its value.

    To be evaluated within ``each_part_by_itself``.
    """
    return f"try(({expression}) is null) is null"


@contextmanager
def each_part_by_itself(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let DuckDB evaluate an expression as often as it is written.

    What occurs twice it otherwise evaluates once, before it gets to try(): one value on which that
    fails then fails the query.
    """
    con.execute("set disabled_optimizers = 'common_subexpressions'")
    try:
        yield
    finally:
        con.execute("reset disabled_optimizers")


def execute_with_try(con: duckdb.DuckDBPyConnection, query: str, given: dict[str, Any]) -> None:
    """Execute a query in which try() keeps its word, whatever occurs twice within it."""
    try:
        con.execute(query, given)
    except duckdb.ConversionException:  # only then, since common parts are worth their while
        with each_part_by_itself(con):
            con.execute(query, given)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """An engine to parse with, kept: starting one takes longer than all the expressions do."""
    return duckdb.connect(config={"threads": 1})


def _parse(expression: str) -> dict[str, Any]:
    with _engine().cursor() as con:
        row = con.execute("select json_serialize_sql(?)", [f"select {expression}"]).fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    if parsed["error"]:
        raise ExtractError(f"not an SQL expression: {expression!r}: {parsed.get('error_message')}")
    selected = parsed["statements"][0]["node"]["select_list"]
    if len(selected) != 1:
        raise ExtractError(f"more than one SQL expression: {expression!r}")
    node: dict[str, Any] = selected[0]
    return node


def _references(node: object, *, tried: bool = True) -> Iterator[list[str]]:
    """The names of columns in a parsed expression; not those within try_cast unless ``tried``."""
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            yield node["column_names"]
        if node.get("try_cast") and not tried:
            return
        if node.get("class") == "LAMBDA":
            own = [names[0] for names in _references(node["lhs"])]
            for names in _references(node["expr"], tried=tried):
                if names[0] not in own:
                    yield names
            return
        for value in node.values():
            yield from _references(value, tried=tried)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value, tried=tried)
