"""Open the parts of extracts as one DuckDB table of text columns, losing no line."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import PART_BITS, Part, open_unpacked
from flows.sources import Reader
from flows.sql import name_in_sql, text_in_sql

MAX_LINE_BYTES = 16 * 1024 * 1024

MALFORMED = "extract_malformed"
"""Temporary table of the lines that the reader could not take apart: line_number, reason, line."""

ROWS = "extract_rows"
"""Temporary table of the others: line_number, then the needed columns."""

TEXTS = "extract_texts"
"""Temporary table of parts that are one document each: part, text."""

_LINE_MASK = (1 << PART_BITS) - 1

_LINES = rf"""
    columns = {{'line': 'varchar'}}, delim = '\x01', quote = '', escape = '', header = false,
    auto_detect = false, store_rejects = true, rejects_limit = 0, max_line_size = {MAX_LINE_BYTES},
    strict_mode = false
"""
"""Options of read_csv for a file as lines of text."""

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
    """What the parts hold: the columns that each has, and whether these have types of their own.

    ``rows`` is the SQL relation of their rows: line_number, then the needed columns. A line number
    is one of ``part_of`` and ``line_of``: unique over all parts, and in their order.
    """

    columns: tuple[tuple[str, ...], ...]
    is_typed: bool
    rows: str = ROWS


def part_of(line_number: str) -> str:
    """SQL for the number of the part that a line number is of."""
    return f"({line_number} >> {PART_BITS})"


def line_of(line_number: str) -> str:
    """SQL for the line within its part, counted from 1."""
    return f"({line_number} & {_LINE_MASK})"


def open_parts(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    reader: Reader,
    needed: Collection[str],
    required: Collection[str],
    *,
    as_text: bool = False,
) -> Opened:
    """Open ``parts`` as the relation ``rows`` and the temporary table MALFORMED.

    Only the ``needed`` columns are kept; a part that lacks one which is not ``required`` has nulls.
    Parquet is read where it lies (``as_text``: every column as text, nested ones as JSON); of a
    text file the rows are in the temporary table ROWS, since only the whole of it tells which lines
    are bad.

    Raises ExtractError naming the part that is cut off, of another format, or lacks a required
    column.
    """
    begin_malformed(con)
    con.execute("drop table if exists reject_errors")
    con.execute("drop table if exists reject_scans")
    wanted = _Wanted(tuple(sorted(needed)), frozenset(required))
    whole = _check_whole(parts)
    try:
        if reader.type == "csv":
            opened = _open_csv(con, parts, reader, wanted)
        elif reader.type == "ndjson":
            opened = _open_ndjson(con, parts, wanted)
        elif reader.type == "lines":
            opened = _open_lines(con, parts, reader.header_lines, wanted)
        elif reader.type == "json":
            opened = _open_json(con, parts, reader.records, wanted)
        else:
            opened = _open_parquet(con, parts, wanted, as_text)
    except duckdb.Error as error:
        raise ExtractError(
            f"{names_of(parts)}: cannot be read as {reader.type}: {first_line_of(error)}"
        ) from error
    finally:
        problem = whole.result()
    if problem:
        raise ExtractError(f"{problem}. Fetch the export again.")
    return opened


def begin_malformed(con: duckdb.DuckDBPyConnection) -> None:
    """Empty MALFORMED."""
    con.execute(
        f"create or replace temp table {MALFORMED} "
        "(line_number bigint, reason varchar, line varchar)"
    )


@dataclass(frozen=True)
class _Wanted:
    needed: tuple[str, ...]
    required: frozenset[str]

    def check(self, part: Part, columns: tuple[str, ...]) -> None:
        lower = {column.lower() for column in columns}
        if missing := sorted(column for column in self.required if column.lower() not in lower):
            known = ", ".join(columns[:30]) or "none"
            raise ExtractError(
                f"{part.name}: has no column {', '.join(missing)} (its columns: {known}). "
                "Correct columns: in the sources file, or check that this is the right export."
            )

    def unneeded(self, columns: tuple[str, ...]) -> list[str]:
        """Those of the columns that there are which nobody asks for."""
        asked = {column.lower() for column in self.needed}
        return [column for column in columns if column.lower() not in asked]

    def kept(self, columns: tuple[str, ...]) -> str:
        """SQL for the needed columns out of those that there are; null for the others."""
        found = {column.lower(): column for column in columns}
        return "".join(
            f", {name_in_sql(found[column.lower()])} as {name_in_sql(column)}"
            if column.lower() in found
            else f", null::varchar as {name_in_sql(column)}"
            for column in self.needed
        )


def _check_whole(parts: Sequence[Part]) -> Future[str | None]:
    """Find out, beside the reading, whether the gzip files are whole.

    DuckDB takes the first half of a gzip file for a file. zlib lets other threads run, so that the
    check costs next to nothing where there is a second core.
    """
    pool = ThreadPoolExecutor(1)
    checked = pool.submit(_first_problem, parts)
    pool.shutdown(wait=False)
    return checked


def _first_problem(parts: Sequence[Part]) -> str | None:
    for part in parts:
        if problem := part.problem or _gzip_problem(part):
            return f"{part.name}: {problem}"
    return None


def _gzip_problem(part: Part) -> str | None:
    if not part.location.endswith(".gz") or "://" in part.location:
        return None  # of a remote one its checksum told
    try:
        with gzip.open(part.location) as file:
            while file.read(1 << 20):
                pass
    except EOFError:
        return "the gzip file is cut off"
    except (gzip.BadGzipFile, zlib.error) as error:
        return f"not a whole gzip file: {error}"
    return None


def _load(
    con: duckdb.DuckDBPyConnection,
    table: str,
    parts: Sequence[Part],
    kept: str,
    options: str,
    first_line: int = 1,
    unneeded: Sequence[str] = (),
) -> None:
    """Read the text of ``parts`` with read_csv into a table, numbering the lines of each.

    The ``unneeded`` columns are read as well: where DuckDB leaves out columns, a byte that is not
    UTF-8 in one of the others makes it lose the database ("access index 3 within vector of size
    1", seen with 1.5.5).
    """
    every = ", ".join(map(name_in_sql, unneeded))
    read = f"from read_csv(?, {options})"
    if unneeded:
        read += f" where concat({every}) is distinct from chr(1) || 'no such row'"
    exists = con.execute("select 1 from duckdb_tables() where table_name = ?", [table]).fetchone()
    write = f"insert into {table} by name" if exists else f"create temp table {table} as"
    locations = [_literal(part.location) for part in parts]
    if len(parts) == 1:
        start = parts[0].first_line + first_line - 2
        con.execute(
            f"{write} select row_number() over () + {start} as line_number{kept} {read}",
            locations,
        )
        return
    starts = [part.first_line + first_line - 1 for part in parts]
    con.execute(
        f"""
        create or replace temp table extract_loaded as
        select row_number() over () as position, file_index{kept} {read}
        """,
        [locations],
    )
    con.execute(
        f"""
        {write}
        select
            loaded.position - firsts.position + ({starts})[file_index::bigint + 1] as line_number,
            loaded.* exclude (position, file_index),
        from extract_loaded as loaded
        inner join (
            select file_index, min(position) as position from extract_loaded group by file_index
        ) as firsts using (file_index)
        """
    )
    con.execute("drop table extract_loaded")


def _literal(location: str) -> str:
    """A location as DuckDB takes it for one file, whatever signs its name has."""
    if location.startswith(("http://", "https://")):
        return location
    return re.sub(r"[\[*?]", lambda sign: f"[{sign[0]}]", location)


def _open_csv(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], reader: Reader, wanted: _Wanted
) -> Opened:
    dialect = (
        f"delim = {text_in_sql(reader.delimiter)}, quote = {text_in_sql(reader.quote)}, "
        f"escape = {text_in_sql(reader.quote)}, header = {str(reader.header).lower()}, "
        f"max_line_size = {MAX_LINE_BYTES}, auto_detect = false"
    )
    columns = tuple(reader.names or _csv_header(con, part, reader) for part in parts)
    con.execute(f"drop table if exists {ROWS}")
    for header, alike in groupby(zip(parts, columns, strict=True), key=lambda pair: pair[1]):
        group = [part for part, _ in alike]
        wanted.check(group[0], header)
        types = "{" + ", ".join(f"{text_in_sql(c)}: 'varchar'" for c in header) + "}"
        options = f"columns = {types}, {dialect}, store_rejects = true, rejects_limit = 0"
        _load(
            con,
            ROWS,
            group,
            wanted.kept(header),
            options,
            first_line=1 + int(reader.header),
            unneeded=wanted.unneeded(header),
        )
        _collect_rejects(con, ROWS, group)
    return Opened(columns=columns, is_typed=False)


def _csv_header(con: duckdb.DuckDBPyConnection, part: Part, reader: Reader) -> tuple[str, ...]:
    """The names in the first line. DuckDB's own sniffer would give up on a file with bad rows.

    Where the rows end with one delimiter more than the header, there is a nameless column.
    """
    lines = _first_lines(part.location)
    if lines is None:
        found = con.execute(
            f"select line from read_csv(?, {_LINES}) limit 2", [_literal(part.location)]
        ).fetchall()
        lines = [line or "" for (line,) in found]
    header, *rest = [_fields(line, reader) for line in lines] or [[]]
    if rest and len(rest[0]) == len(header) + 1 and not rest[0][-1]:
        header = [*header, ""]
    return tuple(_unique([name.strip() or f"column{n}" for n, name in enumerate(header)]))


def _fields(line: str, reader: Reader) -> list[str]:
    if len(reader.delimiter) > 1 or not reader.quote:
        return line.split(reader.delimiter)
    return next(csv.reader([line], delimiter=reader.delimiter, quotechar=reader.quote), [])


def _first_lines(location: str) -> list[str] | None:
    """The first two lines, or None where DuckDB must look; it reads 32 MB ahead for one line."""
    if location.endswith(".zst") or "://" in location:
        return None
    try:
        with open_unpacked(Path(location)) as file:
            lines = [file.readline(MAX_LINE_BYTES) for _ in range(2)]
    except (OSError, EOFError, zlib.error):
        return None
    if any(len(line) == MAX_LINE_BYTES for line in lines):
        return None
    if any(b"\r" in line.rstrip(b"\r\n") or b"\0" in line for line in lines):
        return None
    try:
        header = lines[0].decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return [header.rstrip("\r\n"), lines[1].decode("utf-8", "replace").rstrip("\r\n")]


def _unique(names: list[str]) -> list[str]:
    """Names told apart without regard to case, as DuckDB tells columns apart."""
    lower = [name.lower() for name in names]
    return [name if lower[n] not in lower[:n] else f"{name}_{n}" for n, name in enumerate(names)]


def _open_ndjson(con: duckdb.DuckDBPyConnection, parts: Sequence[Part], wanted: _Wanted) -> Opened:
    # lines, not JSON: a reader of JSON drops what it cannot parse, or stops
    con.execute("drop table if exists extract_lines")
    _load(con, "extract_lines", parts, ", line", _LINES)
    _collect_rejects(con, "extract_lines", parts)
    structure = json.dumps(dict.fromkeys(wanted.needed, "VARCHAR"))
    fields = "".join(
        f", row_text[{text_in_sql(column)}] as {name_in_sql(column)}" for column in wanted.needed
    )
    # a byte-order mark is no part of the first object
    signs = "' ' || chr(9) || chr(13) || chr(65279)"
    parsed = (
        f"case when starts_with(ltrim(line, {signs}), '{{') "
        f"then try(from_json(ltrim(line, chr(65279)), {text_in_sql(structure)})) end"
    )
    # not filtered by what was parsed, for which DuckDB would parse every line once more
    con.execute(
        f"""
        create or replace temp table {ROWS} as
        select line_number{fields}
        from (select line_number, {parsed} as row_text from extract_lines)
        """
    )
    nothing = " and ".join(f"{name_in_sql(column)} is null" for column in wanted.needed)
    con.execute(
        f"""
        create or replace temp table extract_no_objects as
        select line_number, line
        from extract_lines
        semi join (select line_number from {ROWS} where {nothing or "true"}) using (line_number)
        where {parsed} is null
        """
    )
    if con.execute("select 1 from extract_no_objects limit 1").fetchone():
        con.execute(
            f"delete from {ROWS} using extract_no_objects as no_objects "
            f"where {ROWS}.line_number = no_objects.line_number"
        )
        con.execute(
            f"""
            insert into {MALFORMED}
            select line_number, 'not a JSON object', line
            from extract_no_objects
            where trim(line, {signs}) <> ''
            """
        )
    columns = _keys(con, parts)
    _check_keys(con, parts, columns, wanted)
    con.execute("drop table extract_lines")
    return Opened(columns=columns, is_typed=False)


_KEY_SAMPLE = 2_000


def _keys(con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> tuple[tuple[str, ...], ...]:
    """The keys of each part's objects, out of a sample that is spread over all lines."""
    found = dict(
        con.execute(
            f"""
            with

            sampled as (
                select line_number, line
                from extract_lines
                where {line_of("line_number")} % (
                    select 1 + max({line_of("line_number")}) // {_KEY_SAMPLE} from extract_lines
                ) in (0, 1)
            ),

            keys as (
                select distinct
                    {part_of("line_number")} as part,
                    unnest(json_keys(ltrim(line, chr(65279)))) as key,
                from sampled
                semi join {ROWS} using (line_number)
            )

            select part, list(key order by key) from keys group by part
            """
        ).fetchall()
    )
    return tuple(tuple(found.get(part.number, ())) for part in parts)


def _check_keys(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    columns: tuple[tuple[str, ...], ...],
    wanted: _Wanted,
) -> None:
    """Miss a required key only where no object at all has it: objects leave out what is empty."""
    for part, keys in zip(parts, columns, strict=True):
        if not wanted.required <= set(keys) and keys:
            here = f"from extract_lines semi join {ROWS} using (line_number) "
            here += f"where {part_of('line_number')} = {part.number}"
            rows = con.execute(
                f"select distinct unnest(json_keys(ltrim(line, chr(65279)))) {here} order by all"
            ).fetchall()
            wanted.check(part, tuple(key for (key,) in rows))


def _open_lines(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], header_lines: int, wanted: _Wanted
) -> Opened:
    columns = ("line",)
    wanted.check(parts[0], columns)
    con.execute(f"drop table if exists {ROWS}")
    _load(con, ROWS, parts, ", line", _LINES)
    _collect_rejects(con, ROWS, parts)
    con.execute(
        f"delete from {ROWS} "
        f"where {line_of('line_number')} <= ? or trim(line) = '' or line is null",
        [header_lines],
    )
    return Opened(columns=(columns,) * len(parts), is_typed=False)


def _open_json(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], records: str | None, wanted: _Wanted
) -> Opened:
    """Documents of their own: an array of records at ``records``, or one record that is the whole.

    A record's line number is its place in the document; ``document`` is what surrounds it.
    """
    for problem in load_texts(con, parts).values():
        raise ExtractError(problem)
    con.execute(
        f"""
        create or replace temp table extract_documents as
        select part, ltrim(text, chr(65279))::json as document from {TEXTS}
        """
    )
    con.execute(f"drop table {TEXTS}")
    con.execute(
        f"""
        create or replace temp table extract_records as
        select
            (part << {PART_BITS}) + generate_subscripts(records, 1) as line_number,
            unnest(records) as record,
        from (
            select
                part,
                if(json_type(found) = 'ARRAY', from_json(found, '["json"]'), [found]) as records,
            from (
                select part, json_extract(document, $records) as found from extract_documents
            )
            where json_type(found) in ('ARRAY', 'OBJECT')
        )
        """,
        {"records": records or "$"},
    )
    _check_records(con, parts, records)
    con.execute(
        f"""
        insert into {MALFORMED}
        select line_number, 'not a JSON object', record::varchar
        from extract_records
        where json_type(record) <> 'OBJECT'
        """
    )
    fields = [column for column in wanted.needed if column != "document"]
    structure = json.dumps(dict.fromkeys(fields, "VARCHAR"))
    kept = "".join(f", row_text[{text_in_sql(c)}] as {name_in_sql(c)}" for c in fields)
    con.execute(
        f"""
        create or replace temp table {ROWS} as
        select line_number{kept}
        from (
            select line_number, from_json(record, {text_in_sql(structure)}) as row_text
            from extract_records
            where json_type(record) = 'OBJECT'
        )
        """
    )
    found = dict(
        con.execute(
            f"""
            select part, list(key order by key)
            from (
                select distinct
                    {part_of("line_number")} as part,
                    unnest(json_keys(record)) as key,
                from extract_records
                where json_type(record) = 'OBJECT'
            )
            group by part
            """
        ).fetchall()
    )
    con.execute("drop table extract_records")
    columns = tuple(("document", *found.get(part.number, ())) for part in parts)
    for part, names in zip(parts, columns, strict=True):
        if part.number in found:
            wanted.check(part, names)
    # joined when it is read: a document beside each of its records would be many times its size
    with_documents = f"""(
        select records.*, documents.document::varchar as document
        from {ROWS} as records
        inner join extract_documents as documents
            on {part_of("records.line_number")} = documents.part
    )"""
    rows = with_documents if "document" in wanted.needed else ROWS
    return Opened(columns=columns, is_typed=False, rows=rows)


def _check_records(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], records: str | None
) -> None:
    """Raise ExtractError naming a part that has no records."""
    found = con.execute(f"select distinct {part_of('line_number')} from extract_records").fetchall()
    with_records = {number for (number,) in found}
    for part in parts:
        if part.number not in with_records:
            raise ExtractError(
                f"{part.name}: no records at {records or '$'}. "
                "Correct reader.records in the sources file."
            )


def load_texts(con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[int, str]:
    """Load the text of each part that is one document into the temporary table TEXTS.

    Returns why others cannot be read, by the number of the part.
    """
    problems = {}
    con.execute(f"create or replace temp table {TEXTS} (part bigint, text varchar)")
    for part in parts:
        try:
            text = text_of(con, part)
        except ExtractError as error:
            problems[part.number] = str(error)
        else:
            con.execute(f"insert into {TEXTS} values (?, ?)", [part.number, text])
    return problems


def text_of(con: duckdb.DuckDBPyConnection, part: Part) -> str:
    """The whole text of a part that is one document. Raises ExtractError."""
    if "://" in part.location:
        row = con.execute("select content from read_text(?)", [_literal(part.location)]).fetchone()
        return str(row[0]) if row else ""
    try:
        with open_unpacked(Path(part.location)) as file:
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExtractError(f"{part.name}: is not UTF-8: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ExtractError(f"{part.name}: cannot be read: {error}") from None


def _open_parquet(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], wanted: _Wanted, as_text: bool
) -> Opened:
    columns, relations = [], []
    for part in parts:
        location = text_in_sql(_literal(part.location))
        described = con.execute(f"describe from read_parquet({location})").fetchall()
        names = tuple(row[0] for row in described)
        wanted.check(part, names)
        columns.append(names)
        texts = {name: _as_text(name, kind) for name, kind, *_ in described}
        found = {name.lower(): name for name in names}
        kept = "".join(
            f", {texts[found[c.lower()]] if as_text else name_in_sql(found[c.lower()])}"
            f" as {name_in_sql(c)}"
            if c.lower() in found
            else f", null as {name_in_sql(c)}"
            for c in wanted.needed
        )
        relations.append(
            f"select file_row_number + {part.first_line} as line_number{kept} "
            f"from read_parquet({location}, file_row_number = true)"
        )
    rows = f"({' union all '.join(relations)})"
    return Opened(columns=tuple(columns), is_typed=not as_text, rows=rows)


def _as_text(name: str, kind: str) -> str:
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
    quoted = name_in_sql(name)
    return f"to_json({quoted})::varchar" if nested else f"{quoted}::varchar"


def _collect_rejects(con: duckdb.DuckDBPyConnection, rows: str, parts: Sequence[Part]) -> None:
    """Move DuckDB's list of unreadable lines to MALFORMED; count them into ``rows``' numbers."""
    if con.execute("select 1 from reject_errors limit 1").fetchone() is None:
        return
    words = text_in_sql(json.dumps(_READ_ERRORS))
    con.execute(
        f"""
        create or replace temp table extract_unreadable as
        select
            (parts.number::bigint << {PART_BITS}) + line as line_number,
            coalesce(any_value({words}::json->>error_type::varchar), 'malformed line') as reason,
            trim(any_value(csv_line), chr(10) || chr(13)) as line,
        from reject_errors
        inner join reject_scans using (scan_id, file_id)
        inner join (
            select unnest($locations) as file_path, unnest($numbers) as number
        ) as parts using (file_path)
        group by all
        """,
        {
            "locations": [part.location for part in parts],
            "numbers": [part.number for part in parts],
        },
    )
    con.execute("delete from reject_errors")
    con.execute("delete from reject_scans")
    con.execute(f"insert into {MALFORMED} from extract_unreadable")
    # the i-th unreadable line of a part, at line r, shifts the readable ones from number r - i on
    con.execute(
        f"""
        update {rows} set line_number = line_number + shifts.lines
        from (
            select {rows}.line_number as was, count(*) as lines
            from {rows}
            inner join (
                select
                    {part_of("line_number")} as part,
                    line_number + 1 - row_number() over (
                        partition by {part_of("line_number")} order by line_number
                    ) as first_shifted,
                from extract_unreadable
            ) as unreadable
                on
                    {rows}.line_number >= unreadable.first_shifted
                    and {part_of(f"{rows}.line_number")} = unreadable.part
            group by all
        ) as shifts
        where {rows}.line_number = shifts.was
        """
    )


def names_of(parts: Sequence[Part]) -> str:
    """How an error names the parts where it is not known which of them is the cause."""
    return parts[0].name if len(parts) == 1 else f"{parts[0].name} or one beside it"


def first_line_of(error: Exception) -> str:
    """What an error of DuckDB says before it goes into detail."""
    return str(error).strip().splitlines()[0]
