"""Open an extract's file as a DuckDB table of text columns with line numbers, losing no line."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from flows.errors import ExtractError
from flows.sources import ChartFiles, EventSource, Reader
from flows.sql import name_in_sql, text_in_sql

SAMPLE_ROWS = 20_000
"""Rows looked at for an extract's keys (NDJSON) and for the types of its columns."""

MAX_LINE_BYTES = 16 * 1024 * 1024

MALFORMED = "extract_malformed"
"""Temporary table of the lines that the reader could not take apart: line_number, reason, line."""

ROWS = "extract_rows"
"""Temporary table of the others: line_number, then the extract's columns."""

_LINES = rf"""read_csv(
    ?, columns = {{'line': 'varchar'}}, delim = '\x01', quote = '', escape = '', header = false,
    auto_detect = false, store_rejects = true, rejects_limit = 0, max_line_size = {MAX_LINE_BYTES},
    strict_mode = false
)"""
"""A file as lines of text."""

_READ_ERRORS = {
    "MISSING COLUMNS": "too few columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "a quote is not closed",
    "LINE SIZE OVER MAXIMUM": "line longer than 16 MB",
    "INVALID ENCODING": "not UTF-8",
    "INVALID STATE": "not well-formed CSV",
}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What an extract's file holds: its columns, and whether they have types of their own.

    ``rows`` is the SQL relation of its rows: line_number, then the columns that are needed.
    """

    columns: tuple[str, ...]
    is_typed: bool
    rows: str = ROWS


def open_extract(
    con: duckdb.DuckDBPyConnection, path: Path, reader: Reader, needed: set[str]
) -> Opened:
    """Open ``path`` as the relation ``rows`` and the temporary table MALFORMED.

    Only the ``needed`` columns are kept. A Parquet file is read where it lies; of a text file the
    rows are in the temporary table ROWS, since only the whole of it tells which lines are bad.

    Raises ExtractError naming the file when it is empty, cut off, of another format, or lacks a
    needed column.
    """
    if path.stat().st_size == 0:
        raise ExtractError(f"{path}: the file is empty. Has the export finished?")
    con.execute(
        f"create or replace temp table {MALFORMED} "
        "(line_number bigint, reason varchar, line varchar)"
    )
    whole = _check_whole(path)
    try:
        if reader.type == "csv":
            opened = _open_csv(con, path, reader, needed)
        elif reader.type == "ndjson":
            opened = _open_ndjson(con, path, needed)
        elif reader.type == "lines":
            opened = _open_lines(con, path, reader.header_lines, needed)
        else:
            opened = _open_parquet(con, path, needed)
    except duckdb.Error as error:
        raise ExtractError(
            f"{path}: cannot be read as {reader.type}: {_first_line(error)}"
        ) from error
    finally:
        problem = whole.result()
    if problem:
        raise ExtractError(f"{path}: {problem}. Fetch the export again.")
    return opened


def _check_whole(path: Path) -> Future[str | None]:
    """Find out, beside the reading, whether a gzip file is whole.

    DuckDB takes the first half of a gzip file for a file. zlib lets other threads run, so that the
    check costs next to nothing where there is a second core.
    """
    pool = ThreadPoolExecutor(1)
    checked = pool.submit(_gzip_problem, path)
    pool.shutdown(wait=False)
    return checked


def _gzip_problem(path: Path) -> str | None:
    if path.suffix != ".gz":
        return None
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except EOFError:
        return "the gzip file is cut off"
    except (gzip.BadGzipFile, zlib.error) as error:
        return f"not a whole gzip file: {error}"
    return None


def mapping_in_sql(source: EventSource | ChartFiles) -> tuple[dict[str, str], set[str]]:
    """A source's columns as SQL expressions, and the extract's columns that they speak of.

    A column whose name is an SQL word, such as at or order, need not be quoted in the sources
    file. Raises ExtractError naming the mapping that is not an expression.
    """
    mapping: dict[str, str] = {}
    needed: set[str] = set()
    for column, expression in source.columns.items():
        is_a_name = re.fullmatch(r"[A-Za-z_]\w*", expression)
        mapping[column] = expression
        try:
            needed |= column_references(expression)
        except ExtractError as error:
            if not is_a_name:
                raise ExtractError(f"{source.name}: columns.{column}: {error}") from None
            mapping[column] = name_in_sql(expression)
            needed.add(expression)
    return mapping, needed


@cache
def column_references(expression: str) -> frozenset[str]:
    """The columns that a SQL expression speaks of. Raises ExtractError when it is not one."""
    return frozenset(names[0] for names in _references(_parse(expression)))


@cache
def is_bare_column(expression: str) -> bool:
    """Whether an expression is nothing but the name of a column."""
    return bool(_parse(expression).get("class") == "COLUMN_REF")


def _parse(expression: str) -> dict[str, Any]:
    with duckdb.connect() as con:
        row = con.execute("select json_serialize_sql(?)", [f"select {expression}"]).fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    if parsed["error"]:
        raise ExtractError(f"not an SQL expression: {expression!r}: {parsed.get('error_message')}")
    selected = parsed["statements"][0]["node"]["select_list"]
    if len(selected) != 1:
        raise ExtractError(f"more than one SQL expression: {expression!r}")
    node: dict[str, Any] = selected[0]
    return node


def _references(node: object) -> Iterator[list[str]]:
    if isinstance(node, dict):
        if node.get("class") == "COLUMN_REF":
            yield node["column_names"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _open_csv(
    con: duckdb.DuckDBPyConnection, path: Path, reader: Reader, needed: set[str]
) -> Opened:
    columns = reader.names or _csv_header(con, path, reader)
    dialect = (
        f"delim = {text_in_sql(reader.delimiter)}, quote = {text_in_sql(reader.quote)}, "
        f"escape = {text_in_sql(reader.quote)}, header = {str(reader.header).lower()}, "
        f"max_line_size = {MAX_LINE_BYTES}, auto_detect = false"
    )
    _require(path, columns, needed)
    kept = _keep(columns, needed)
    types = "{" + ", ".join(f"{text_in_sql(c)}: 'varchar'" for c in columns) + "}"
    con.execute("drop table if exists reject_errors")
    con.execute("drop table if exists reject_scans")
    con.execute(
        f"""
        create or replace temp table {ROWS} as
        select row_number() over () + {int(reader.header)} as line_number, {kept}
        from read_csv(?, columns = {types}, {dialect}, store_rejects = true, rejects_limit = 0)
        """,
        [str(path)],
    )
    _collect_rejects(con, ROWS)
    return Opened(columns=columns, is_typed=False)


def _csv_header(con: duckdb.DuckDBPyConnection, path: Path, reader: Reader) -> tuple[str, ...]:
    """The names in the first line. DuckDB's own sniffer would give up on a file with bad rows."""
    line = _first_text(path)
    if line is None:
        first = con.execute(f"select line from {_LINES} limit 1", [str(path)]).fetchone()
        line = (first[0] if first else None) or ""
    if len(reader.delimiter) > 1 or not reader.quote:
        names = line.split(reader.delimiter)
    else:
        names = next(csv.reader([line], delimiter=reader.delimiter, quotechar=reader.quote), [])
    return tuple(_unique([name.strip() or f"column{n}" for n, name in enumerate(names)]))


def _first_text(path: Path) -> str | None:
    """The first line, or None where DuckDB must look; it reads 32 MB ahead to find one line."""
    if path.suffix == ".zst":
        return None
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            first = file.readline(MAX_LINE_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
    if len(first) == MAX_LINE_BYTES or b"\r" in first.rstrip(b"\r\n") or b"\0" in first:
        return None
    try:
        return first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return None


def _unique(names: list[str]) -> list[str]:
    """Names told apart without regard to case, as DuckDB tells columns apart."""
    lower = [name.lower() for name in names]
    return [name if lower[n] not in lower[:n] else f"{name}_{n}" for n, name in enumerate(names)]


def _open_ndjson(con: duckdb.DuckDBPyConnection, path: Path, needed: set[str]) -> Opened:
    con.execute("drop table if exists reject_errors")
    con.execute("drop table if exists reject_scans")
    # lines, not JSON: a reader of JSON drops what it cannot parse, or stops
    con.execute(
        f"""
        create or replace temp table extract_lines as
        select row_number() over () as line_number, line
        from {_LINES}
        """,
        [str(path)],
    )
    _collect_rejects(con, "extract_lines")
    kept = sorted(needed)
    structure = json.dumps(dict.fromkeys(kept, "VARCHAR"))
    fields = "".join(
        f", row_text[{text_in_sql(column)}] as {name_in_sql(column)}" for column in kept
    )
    con.execute(
        f"""
        create or replace temp table {ROWS} as
        select line_number{fields}
        from (
            select line_number, try(from_json(line, {text_in_sql(structure)})) as row_text
            from extract_lines
            where starts_with(ltrim(line, ' ' || chr(9) || chr(13)), '{{')
        )
        where row_text is not null
        """
    )
    # what is not an object gave no row; looked for only if there is any
    present = "".join(f", count({name_in_sql(column)})" for column in kept)
    counts = con.execute(
        f"select (select count(*) from extract_lines), count(*){present} from {ROWS}"
    ).fetchone()
    assert counts is not None  # an aggregate has one row
    lines, objects, *values = counts
    if lines > objects:
        con.execute(
            f"""
            insert into {MALFORMED}
            select line_number, 'not a JSON object', line
            from extract_lines anti join {ROWS} using (line_number)
            where trim(line) <> ''
            """
        )
    columns = tuple(kept)
    if not all(values):  # a key without any value may be there all the same
        found = con.execute(
            f"""
            select distinct unnest(json_keys(line)) as key
            from extract_lines semi join {ROWS} using (line_number)
            order by key
            """
        ).fetchall()
        columns = tuple(row[0] for row in found)
        _require(path, columns, needed)
    con.execute("drop table extract_lines")
    return Opened(columns=columns, is_typed=False)


def _open_lines(
    con: duckdb.DuckDBPyConnection, path: Path, header_lines: int, needed: set[str]
) -> Opened:
    columns = ("line",)
    _require(path, columns, needed)
    con.execute("drop table if exists reject_errors")
    con.execute("drop table if exists reject_scans")
    con.execute(
        f"""
        create or replace temp table {ROWS} as
        select row_number() over () as line_number, line
        from {_LINES}
        """,
        [str(path)],
    )
    _collect_rejects(con, ROWS)
    con.execute(
        f"delete from {ROWS} where line_number <= ? or trim(line) = '' or line is null",
        [header_lines],
    )
    return Opened(columns=columns, is_typed=False)


def _open_parquet(con: duckdb.DuckDBPyConnection, path: Path, needed: set[str]) -> Opened:
    described = con.execute("describe from read_parquet(?)", [str(path)]).fetchall()
    columns = tuple(row[0] for row in described)
    _require(path, columns, needed)
    rows = (
        f"(select file_row_number + 1 as line_number, {_keep(columns, needed)} "
        f"from read_parquet({text_in_sql(path)}, file_row_number = true))"
    )
    return Opened(columns=columns, is_typed=True, rows=rows)


def _collect_rejects(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Move DuckDB's list of unreadable lines to MALFORMED; count them into ``rows``' numbers."""
    if con.execute("select 1 from reject_errors limit 1").fetchone() is None:
        return
    words = text_in_sql(json.dumps(_READ_ERRORS))
    con.execute(
        f"""
        insert into {MALFORMED}
        select
            line,
            coalesce(any_value({words}::json->>error_type::varchar), 'malformed line'),
            trim(any_value(csv_line), chr(10) || chr(13)),
        from reject_errors
        group by line
        """
    )
    # the i-th unreadable line, at line r, shifts the readable ones from number r - i on
    con.execute(
        f"""
        update {rows} set line_number = line_number + shifts.lines
        from (
            select {rows}.line_number as was, count(*) as lines
            from {rows}
            inner join (
                select line_number - row_number() over (order by line_number) + 1 as first_shifted
                from {MALFORMED}
            ) on {rows}.line_number >= first_shifted
            group by all
        ) as shifts
        where {rows}.line_number = shifts.was
        """
    )


def _require(path: Path, columns: tuple[str, ...], needed: set[str]) -> None:
    lower = {column.lower() for column in columns}
    if missing := sorted(column for column in needed if column.lower() not in lower):
        known = ", ".join(columns[:30]) or "none"
        raise ExtractError(
            f"{path}: has no column {', '.join(missing)} (its columns: {known}). "
            "Correct columns: in the sources file, or check that this is the right export."
        )


def _keep(columns: tuple[str, ...], needed: set[str]) -> str:
    lower = {column.lower() for column in needed}
    kept = [name_in_sql(column) for column in columns if column.lower() in lower]
    return ", ".join(kept) or "null as nothing"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
