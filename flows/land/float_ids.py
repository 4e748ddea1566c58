"""Ids that an exporter's type has made into floats: 101.0 is 101, and lost digits are refused."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from flows.errors import BrokenExtracts
from flows.formats.lines import LINE_NUMBER
from flows.formats.no_ids import identifier_in_sql
from flows.formats.reading import Opened, line_of, part_of
from flows.sql import text_in_sql

_SAMPLE_ROWS = 2_000
"""Rows of each part looked at first, spread over all of it."""

_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""Whole numbers from which on a float type does not hold every one."""

_WHOLE = r"[+-]?\d+\.0"
_SCIENTIFIC = r"[+-]?\d+(\.\d+[eE]|E)\+\d+"
_POWER = r"[+-]?\d{1,2}e\+\d{1,2}"
"""1e+05, as R and awk write 100000: to the last digit, where a spreadsheet's 1E+05 is rounded."""

_INTEGER = r"[+-]?\d+"
_NO_NUMBERS = ("inf", "-inf")
"""What a column of floats may hold beside numbers and words that are no ids."""


def whole_numbers(
    con: duckdb.DuckDBPyConnection,
    opened: Opened,
    expression: str,
    kind: str,
    text: str,
    what: str,
    no_ids: Collection[str] = (),
) -> str:
    """SQL for the ids of ``expression``, of SQL type ``kind``, as ``text`` without ".0".

    Text is a name, and 1.10 stays; but a part in which every id is a whole number with ".0" was a
    column of floats before it was text. Raises BrokenExtracts where floats of an extract are so
    large that several ids may have become one. ``what`` names source and column in the message,
    ``no_ids`` are words beside those of the list that may stand among floats: no ids, or the
    column's name where files were put together with their headers.
    """
    if kind in _EXACT:
        _refuse_lost_digits(
            con,
            f"isfinite({expression}) and abs({expression}) >= {_EXACT[kind]}",
            what,
            kind.lower(),
        )
        return f"regexp_replace({text}, '\\.0+$', '')"
    if kind.startswith("DECIMAL") and not kind.endswith(",0)"):
        return f"regexp_replace({text}, '\\.0+$', '')"
    if kind != "VARCHAR":
        return text
    parts = _parts_of_floats(con, opened, text, no_ids)
    if not parts:
        return text
    listed = ", ".join(map(str, parts))
    here = f"list_contains([{listed}], {part_of(LINE_NUMBER)})"
    number = f"try_cast({text} as double)"
    large = f"(isfinite({number}) and abs({number}) >= {_EXACT['DOUBLE']})"
    rounded = f"regexp_full_match({text}, '{_SCIENTIFIC}')"
    _refuse_lost_digits(
        con, f"{here} and ({large} or {rounded})", what, "number with a decimal point"
    )
    return f"""
        case
            when {here} and ends_with({text}, '.0') then {text}[:-3]
            when {here} and regexp_full_match({text}, '{_POWER}')
                then coalesce(cast(try_cast({number} as hugeint) as varchar), {text})
            else {text}
        end
    """


def _parts_of_floats(
    con: duckdb.DuckDBPyConnection, opened: Opened, text: str, no_ids: Collection[str]
) -> list[int]:
    """The parts in which all ids are floats written as text: by a sample, then by every row."""
    row = con.execute(
        f"select 1 + max({line_of(LINE_NUMBER)}) // {_SAMPLE_ROWS} from {opened.rows}"
    ).fetchone()
    # a number, not a subquery: with it every row would be looked at before it is left out
    step = row[0] if row and row[0] else 1
    line = line_of(LINE_NUMBER)
    sampled = f"where {line} % {step} = 0 or {line} <= 100"
    seen = _parts_of_numbers(con, text, no_ids, sampled)
    likely = [part for part, are_floats in seen if are_floats]
    whole = [part for part, are_floats in seen if not are_floats]
    if whole:  # one of many thousands may be written as 1e+05
        likely += _with_powers(con, text, whole)
    if not likely:
        return []
    every = _parts_of_numbers(con, text, no_ids, f"where {_in_parts(likely)}")
    return [part for part, are_floats in every if are_floats]


def _in_parts(parts: Collection[int]) -> str:
    return f"{part_of(LINE_NUMBER)} in ({', '.join(map(str, parts))})"


def _with_powers(con: duckdb.DuckDBPyConnection, text: str, parts: Collection[int]) -> list[int]:
    rows = con.execute(
        f"""
        select distinct {part_of(LINE_NUMBER)}
        from (from readable where {_in_parts(parts)})
        where contains({text}, 'e+') or contains({text}, 'E+')
        """
    ).fetchall()
    return [part for (part,) in rows]


def _parts_of_numbers(
    con: duckdb.DuckDBPyConnection, text: str, no_ids: Collection[str], where: str
) -> list[tuple[int, bool]]:
    """The parts in which all ids are numbers, and whether these were floats."""
    nothing = ", ".join(map(text_in_sql, _NO_NUMBERS))
    return con.execute(
        f"""
        select
            part,
            bool_or(not regexp_full_match(id, '{_INTEGER}'))
            -- whole numbers beside 1.0 are names such as versions; beside 1.2E+15 a spreadsheet's
            -- and beside 1e+05 R's
            and (
                bool_or(regexp_full_match(id, '{_SCIENTIFIC}|{_POWER}'))
                or not bool_or(regexp_full_match(id, '{_INTEGER}'))
            ) as are_floats,
        from (
            select {part_of(LINE_NUMBER)} as part, {identifier_in_sql(text, no_ids)} as id
            -- the limit keeps DuckDB from evaluating the ids before it leaves out rows
            from (from readable {where} limit {2**62})
        )
        where id is not null and not list_contains([{nothing}], lower(id))
        group by part
        having
            bool_and(
                regexp_full_match(id, '{_WHOLE}|{_SCIENTIFIC}|{_POWER}')
                or regexp_full_match(id, '{_INTEGER}')
            )
        order by part
        """
    ).fetchall()


def _refuse_lost_digits(con: duckdb.DuckDBPyConnection, where: str, what: str, kind: str) -> None:
    """Raise BrokenExtracts where rows have ids that the float type cannot hold exactly."""
    found = con.execute(
        f"""
        select getvariable('extract_ids')[{part_of(LINE_NUMBER)} + 1], count(*)
        from readable
        where {where}
        group by 1
        """
    ).fetchall()
    if found:
        raise BrokenExtracts(
            {
                extract_id: f"{what}: {rows:,} ids are too large for a {kind}: their last digits "
                "are lost, and several users may have become one. Export the column as a whole "
                "number or as text."
                for extract_id, rows in found
            }
        )
