"""What a file looks like before anybody has said how to read it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import Part, open_unpacked
from flows.formats.heads import column_names, spreadsheet_separator
from flows.formats.sniffing import DELIMITERS, head_of
from flows.inspect.encodings import guess_encoding, line_with_letters
from flows.inspect.guesses import in_sql
from flows.sql import text_in_sql

_DELIMITERS = (*DELIMITERS, " ")
_SAMPLE_LINES = 200
_NO_NAME = re.compile(r"\d[\d.,:/TZ+ -]*(UTC|[AP]M)?|[\d.,:/TZ+-]+")
"""A number or a time: no column is called that."""

Kind = Literal["parquet", "ndjson", "json", "csv", "lines"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column, or a key within one: SQL for it and some of its values as text.

    ``cells`` are the values row by row, none where there is none; empty where it is of no row.
    """

    name: str
    expression: str
    values: tuple[str, ...]
    cells: tuple[str | None, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Look:
    """A file's kind, its columns, and what a reader must know to take it apart.

    ``header_lines`` goes with lines; ``document`` is a JSON document, or the first of many. One on
    a single line may also be the only row of a file of many. Where the text is not UTF-8,
    ``encoding`` is a guess, and ``letters`` a piece of it by which to check that.
    """

    kind: Kind
    columns: tuple[Column, ...] = ()
    delimiter: str = ","
    has_header: bool = True
    records: str | None = None
    header_lines: int = 0
    document: Any = None
    is_one_line: bool = False
    names: tuple[str, ...] = field(default=())
    encoding: str | None = None
    letters: str | None = None
    file_name: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """The names of the top columns."""
        return frozenset(self.names)


def look_at(part: Part) -> Look:
    """Look at the beginning of a file. Raises ExtractError when it is not text and not Parquet."""
    return replace(_look_at(part), file_name=part.file_name)


def _look_at(part: Part) -> Look:
    head = head_of(part)
    if part.location.endswith(".parquet") or head.startswith(b"PAR1"):
        return _parquet(part)
    if b"\0" in head:
        raise ExtractError(f"{part.name}: neither text nor Parquet, nor a zip or gzip of these")
    encoding = guess_encoding(part)
    text = head.decode(encoding or "utf-8-sig", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ExtractError(f"{part.name}: the file is empty")
    look = _json(part, text, encoding) if text.lstrip()[0] in "{[" else _table(text, part.name)
    if encoding is None:
        return look
    return replace(look, encoding=encoding, letters=line_with_letters(text))


def _parquet(part: Part) -> Look:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        described = con.execute("describe from read_parquet(?)", [part.location]).fetchall()
        names = tuple(row[0] for row in described)
        rows = con.execute(
            "select columns(*)::varchar from read_parquet(?) limit 200", [part.location]
        ).fetchall()
    texts = [dict(zip(names, row, strict=True)) for row in rows]
    return Look(kind="parquet", columns=_plain(names, texts), names=names)


def _json(part: Part, text: str, encoding: str | None) -> Look:
    lines = [line for line in text.split("\n") if line.strip()]
    objects = [
        parsed for line in lines[:_SAMPLE_LINES] if isinstance(parsed := _parsed(line), dict)
    ]
    # of an array with an object on each line only the last one is an object without its comma
    is_array = text.lstrip()[0] == "[" and _parsed(lines[0]) is None
    if objects and not is_array and (len(lines) > 1 or not _lists(objects[0])):
        return Look(
            kind="ndjson",
            columns=tuple(_columns_of(objects)),
            names=tuple({key: None for one in objects for key in one}),
            document=objects[0],
        )
    document = _parsed(_whole(part, encoding))
    if document is None:
        if objects:
            return Look(kind="ndjson", columns=tuple(_columns_of(objects)), names=tuple(objects[0]))
        raise ExtractError(f"{part.name}: begins as JSON does, but is none")
    path, records = _records(document)
    columns = [*_columns_of(records)]
    if isinstance(document, dict) and path != "$":
        told = {key: value for key, value in document.items() if not isinstance(value, list | dict)}
        columns += [
            Column(name=key, expression=f"document->>'$.{key}'", values=(str(value),))
            for key, value in told.items()
        ]
    return Look(
        kind="json",
        columns=tuple(columns),
        records=path,
        document=document,
        is_one_line=len(lines) == 1,
        names=tuple({key: None for one in records for key in one}),
    )


def _table(text: str, name: str) -> Look:
    lines = text.split("\n")
    if len(lines) > 2:
        lines = lines[:-1]  # the last one may be cut off
    lines = [line for line in lines if line.strip()][:_SAMPLE_LINES]
    separator = spreadsheet_separator(lines[0])
    if separator:
        lines = lines[1:] or [""]
    delimiters = (separator,) if separator else _DELIMITERS
    if (found := _as_table(lines, delimiters)) is not None:
        return found
    for above in (1, 2, 3):
        if len(lines) > above + 1 and (found := _as_table(lines[above:], delimiters[:4])):
            columns = ", ".join(found.names[:8])
            raise ExtractError(
                f"{name}: line {above} is not part of the table below it: "
                f"{lines[above - 1][:80]!r}. The columns are named in line {above + 1} "
                f"({columns}): delete what is above it."
            )
    return _lines(lines)


def _as_table(lines: Sequence[str], delimiters: Sequence[str]) -> Look | None:
    for delimiter in delimiters:
        rows = list(csv.reader([f"{line}\n" for line in lines], delimiter=delimiter))
        width = len(rows[0])
        if width > 1 and sum(len(row) == width for row in rows) >= 0.5 * len(rows):
            has_header = _is_header(rows)
            names = column_names(rows[0]) if has_header else _numbered(width)
            body = [row for row in rows[int(has_header) :] if len(row) == width]
            if has_header:  # files that were put together have it again
                body = [row for row in body if row != rows[0]]
            texts = [dict(zip(names, row, strict=True)) for row in body]
            return Look(
                kind="csv",
                columns=_plain(names, texts),
                delimiter=delimiter,
                has_header=has_header,
                names=names,
            )
    return None


def _lines(lines: Sequence[str]) -> Look:
    """Columns of one width or another, apart by spaces."""
    rows = [re.split(r"\s+", line.strip()) for line in lines]
    has_header = _is_header(rows)
    width = len(rows[-1])
    names = tuple(rows[0]) if has_header and len(rows[0]) == width else _numbered(width)
    body = [row for row in rows[int(has_header) :] if len(row) == width]
    return Look(
        kind="lines",
        header_lines=int(has_header),
        names=names,
        columns=tuple(
            Column(
                name=name,
                expression=rf"string_split_regex(trim(line), '\s+')[{position}]",
                values=tuple(row[position - 1] for row in body),
                cells=tuple(row[position - 1] for row in body),
            )
            for position, name in enumerate(names, 1)
        ),
    )


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns: no numbers, no times, nothing twice.

    The last name may be empty, as where each row ends with a delimiter, and the first one above
    numbers of rows, as pandas writes them.
    """
    first = [name.strip() for name in rows[0]]
    names = first if len(first) < 3 or first[-1] else first[:-1]
    if len(first) > 2 and not first[0] and all(row[0].isdecimal() for row in rows[1:] if row):
        names = names[1:]
    if len(set(names)) < len(names) or not all(names):
        return False
    return not any(_NO_NAME.fullmatch(name) for name in names)


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(f"column{number}" for number in range(1, width + 1))


def _plain(names: Sequence[str], texts: Sequence[Mapping[str, str | None]]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=name,
            expression=in_sql(name),
            values=tuple(str(row[name]) for row in texts if row.get(name) is not None),
            cells=tuple(_text(row.get(name)) for row in texts),
        )
        for name in names
    )


def _columns_of(objects: Sequence[Mapping[str, Any]]) -> Iterator[Column]:
    """The keys of some objects, and the keys of the objects in them."""
    for name in {key: None for one in objects for key in one}:
        values = [one[name] for one in objects if one.get(name) is not None]
        nested = [value for value in values if isinstance(value, dict)]
        if nested:
            for inner in {key: None for value in nested for key in value}:
                path = f'"{inner}"' if not re.fullmatch(r"\w+", inner) else inner
                yield Column(
                    name=inner,
                    expression=f"{in_sql(name)}->>{text_in_sql(f'$.{path}')}",
                    values=tuple(
                        str(value[inner])
                        for value in nested
                        if value.get(inner) is not None
                        and not isinstance(value[inner], dict | list)
                    ),
                    cells=tuple(
                        _text(value.get(inner)) if isinstance(value, dict) else None
                        for value in (one.get(name) for one in objects)
                    ),
                )
        yield Column(
            name=name,
            expression=in_sql(name),
            values=tuple(str(value) for value in values if not isinstance(value, dict | list)),
            cells=tuple(_text(one.get(name)) for one in objects),
        )


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _lists(value: Any) -> bool:
    """Whether a JSON value holds a list of objects, at whatever depth."""
    if isinstance(value, list):
        return any(isinstance(one, dict) for one in value) or any(map(_lists, value))
    return isinstance(value, dict) and any(map(_lists, value.values()))


def _records(document: Any) -> tuple[str, list[dict[str, Any]]]:
    """The path of the longest list of objects in a document, and its objects."""
    found: list[tuple[str, list[dict[str, Any]]]] = []

    def search(value: Any, path: str) -> None:
        if isinstance(value, list):
            objects = [one for one in value if isinstance(one, dict)]
            if objects:
                found.append((path, objects))
        elif isinstance(value, dict):
            for key, inner in value.items():
                step = key if re.fullmatch(r"\w+", key) else f'"{key}"'
                search(inner, f"{path}.{step}")

    search(document, "$")
    if not found:
        return "$", [document] if isinstance(document, dict) else []
    return max(found, key=lambda one: len(one[1]))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _whole(part: Part, encoding: str | None) -> str:
    if encoding:
        with open_unpacked(Path(part.location)) as file:
            return file.read().decode(encoding)
    with duckdb.connect() as con:
        from flows.formats.reading import text_of

        return text_of(con, part)
