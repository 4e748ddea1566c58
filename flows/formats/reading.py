"""Open the parts of extracts as one DuckDB table of text columns, losing no line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import duckdb

from flows.errors import ExtractError
from flows.extract.survey import Survey
from flows.extract.unpack import PART_BITS, Part, open_unpacked
from flows.formats.heads import Head, other_delimiter, read_head, same_columns
from flows.formats.incomplete import check_end
from flows.formats.lines import LINE_NUMBER, LINES_OPTIONS, MAX_LINE_BYTES, as_literal
from flows.formats.mending import mend_lines
from flows.formats.recovering import LINES, RECORDS, UNCLOSED, take_apart
from flows.sources import Reader
from flows.sql import name_in_sql, text_in_sql

MALFORMED = "extract_malformed"
"""Temporary table of the lines that the reader could not take apart: line_number, reason, line."""

ROWS = "extract_rows"
"""Temporary table of the others: LINE_NUMBER, then the needed columns."""

TEXTS = "extract_texts"
"""Temporary table of parts that are one document each: part, text."""

_LINE_MASK = (1 << PART_BITS) - 1

_READ_ERRORS = {
    "MISSING COLUMNS": "too few columns",
    "TOO MANY COLUMNS": "too many columns",
    "UNQUOTED VALUE": "a quote is not closed",
    "LINE SIZE OVER MAXIMUM": "line longer than 16 MB",
    "INVALID ENCODING": "not UTF-8 (does the source need encoding?)",
    "INVALID STATE": "not well-formed CSV",
}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What the parts hold: the columns that each has, and whether these have types of their own.

    ``rows`` is the SQL relation of their rows: LINE_NUMBER, then the needed columns. A line number
    is one of ``part_of`` and ``line_of``: unique over all parts, and in their order.
    """

    columns: tuple[tuple[str, ...], ...]
    is_typed: bool
    rows: str = ROWS


FILE_NAME = "filename"
"""What a mapping calls the name of the file that a row is of."""


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

    A mapping may ask for FILE_NAME as if it were a column: the name of the file, without its
    folders, or of the archive's member. Where a row has a column of that name, that one is meant.

    Raises ExtractError naming the part that is cut off, of another format, or lacks a required
    column.
    """
    if LINE_NUMBER in {column.lower() for column in needed}:
        raise ExtractError(
            f"{parts[0].name}: {LINE_NUMBER} is landing's own name: rename that column."
        )
    asked = next((column for column in needed if column.lower() == FILE_NAME), None)
    wanted = _Wanted(tuple(sorted(needed)), frozenset(required).difference([asked]))
    surveying = _survey(parts, reader)
    try:
        opened = _open(con, parts, reader, wanted, surveying, as_text)
    finally:
        surveyed = surveying.result()
    if surveyed.problem:
        raise ExtractError(f"{surveyed.problem}. Fetch the export again.")
    mixed = [part for part in parts if surveyed.is_mixed(part)]
    if mixed and reader.type in ("ndjson", "lines"):
        # DuckDB takes the CR of a CRLF for a line of its own: its lines have other numbers
        even = [_with_even_lines(part) if part in mixed else part for part in parts]
        opened = _open(con, even, reader, wanted, surveying, as_text)
    for part in parts:
        check_end(con, part, surveyed.of(part), reader, frozenset(needed), MALFORMED)
    return _with_file_names(con, parts, opened, asked) if asked else opened


def _with_file_names(
    con: duckdb.DuckDBPyConnection, parts: Sequence[Part], opened: Opened, column: str
) -> Opened:
    """The parts with the name of its file in each row that says none itself."""
    con.execute("create or replace temp table file_names (part integer, file_name varchar)")
    con.execute(
        "insert into file_names select unnest($parts::integer[]), unnest($names::varchar[])",
        {
            "parts": [part.number for part in parts],
            "names": [part.file_name for part in parts],
        },
    )
    name = name_in_sql(column)
    con.execute(
        f"""
        create or replace temp view rows_with_file_names as
        select rows.* replace (coalesce(nullif(rows.{name}::varchar, ''), file_name) as {name})
        from {opened.rows} as rows
        left join file_names on {part_of(f"rows.{LINE_NUMBER}")} = file_names.part
        """
    )
    return replace(
        opened,
        columns=tuple(
            columns if same_columns([column], columns) else (*columns, column)
            for columns in opened.columns
        ),
        rows="rows_with_file_names",
    )


def _open(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    reader: Reader,
    wanted: _Wanted,
    surveying: Future[_Surveyed],
    as_text: bool,
) -> Opened:
    begin_malformed(con)
    _forget_rejects(con)
    try:
        if reader.type == "csv":
            return _open_csv(con, parts, reader, wanted, surveying)
        if reader.type == "ndjson":
            return _open_ndjson(con, parts, wanted)
        if reader.type == "lines":
            return _open_lines(con, parts, reader.header_lines, wanted)
        if reader.type == "json":
            return _open_json(con, parts, reader.records, wanted)
        return _open_parquet(con, parts, wanted, as_text)
    except duckdb.Error as error:
        raise ExtractError(
            f"{names_of(parts)}: cannot be read as {reader.type}: {first_line_of(error)}"
        ) from error


def _forget_rejects(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("drop table if exists reject_errors")
    con.execute("drop table if exists reject_scans")


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

    def check(
        self, part: Part, columns: tuple[str, ...], other_delimiter: str | None = None
    ) -> None:
        found = same_columns(self.required, columns)
        if missing := sorted(column for column in self.required if column not in found):
            known = ", ".join(columns[:30]) or "none"
            if other_delimiter:
                raise ExtractError(
                    f"{part.name}: has {other_delimiter!r} between its columns ({known}). Correct "
                    "reader.delimiter in the sources file."
                )
            raise ExtractError(
                f"{part.name}: has no column {', '.join(missing)} (its columns: {known}). "
                "Correct columns: in the sources file, or check that this is the right export."
            )

    def unneeded(self, columns: tuple[str, ...]) -> list[str]:
        """Those of the columns that there are which nobody asks for."""
        asked = set(same_columns(self.needed, columns).values())
        return [column for column in columns if column not in asked]

    def kept(self, columns: tuple[str, ...]) -> str:
        """SQL for the needed columns out of those that there are; null for the others."""
        found = same_columns(self.needed, columns)
        return "".join(
            f", {name_in_sql(found[column])} as {name_in_sql(column)}"
            if column in found
            else f", null::varchar as {name_in_sql(column)}"
            for column in self.needed
        )


@dataclass(frozen=True)
class _Surveyed:
    """What is known of the bytes of some parts: the first problem, and how their lines end."""

    problem: str | None
    surveys: dict[int, Survey | None]

    def of(self, part: Part) -> Survey | None:
        return self.surveys.get(part.number)

    def is_mixed(self, part: Part) -> bool:
        survey = self.of(part)
        return survey is not None and survey.is_mixed and "://" not in part.location


def _survey(parts: Sequence[Part], reader: Reader) -> Future[_Surveyed]:
    """Find out, beside the reading, whether gzip files are whole and what lines the texts have.

    DuckDB takes the first half of a gzip file for a file. zlib lets other threads run, so that the
    check costs next to nothing where there is a second core.
    """
    pool = ThreadPoolExecutor(1)
    surveyed = pool.submit(_look_at_bytes, parts, reader.type in ("csv", "ndjson", "lines"))
    pool.shutdown(wait=False)
    return surveyed


def _look_at_bytes(parts: Sequence[Part], has_lines: bool) -> _Surveyed:
    surveys: dict[int, Survey | None] = {}
    for part in parts:
        problem, surveys[part.number] = _survey_of(part, has_lines)
        if problem:
            return _Surveyed(f"{part.name}: {problem}", surveys)
    return _Surveyed(None, surveys)


def _survey_of(part: Part, has_lines: bool) -> tuple[str | None, Survey | None]:
    if part.problem or "://" in part.location:
        return part.problem, part.survey  # a remote one was looked at for its checksum
    if part.location.endswith(".zst") or not (has_lines or part.location.endswith(".gz")):
        return None, None
    survey = Survey()
    try:
        with open_unpacked(Path(part.location)) as file:
            while chunk := file.read(1 << 20):
                survey.feed(chunk)
    except EOFError:
        return "the gzip file is cut off", None
    except (gzip.BadGzipFile, zlib.error) as error:
        return f"not a whole gzip file: {error}", None
    except OSError:
        return None, None  # DuckDB says what is wrong with it
    return None, survey if has_lines else None


_EVEN = ".even.txt"


def _with_even_lines(part: Part) -> Part:
    """The part as a copy whose lines all end in LF."""
    assert part.scratch is not None  # parts of extracts have one
    copy = part.scratch / f"{part.number}{_EVEN}"
    with open_unpacked(Path(part.location)) as file, copy.open("wb") as even:
        held = b""
        while chunk := file.read(1 << 20):
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""
            chunk = chunk[: len(chunk) - len(held)]
            even.write(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        even.write(held.replace(b"\r", b"\n"))
    return replace(part, location=str(copy))


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
    locations = [as_literal(part.location) for part in parts]
    if len(parts) == 1:
        start = parts[0].first_line + first_line - 2
        con.execute(
            f"{write} select row_number() over () + {start} as {LINE_NUMBER}{kept} {read}",
            locations,
        )
        return
    starts = [part.first_line + first_line - 1 for part in parts]
    con.execute(
        f"""
        create or replace temp table extract_loaded as
        select row_number() over () as _afterhype_place, file_index as _afterhype_file{kept} {read}
        """,
        [locations],
    )
    con.execute(
        f"""
        {write}
        select
            loaded._afterhype_place - firsts.place + ({starts})[_afterhype_file::bigint + 1]
                as {LINE_NUMBER},
            loaded.* exclude (_afterhype_place, _afterhype_file),
        from extract_loaded as loaded
        inner join (
            select _afterhype_file, min(_afterhype_place) as place
            from extract_loaded
            group by _afterhype_file
        ) as firsts using (_afterhype_file)
        """
    )
    con.execute("drop table extract_loaded")


def _open_csv(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    reader: Reader,
    wanted: _Wanted,
    surveying: Future[_Surveyed],
) -> Opened:
    """Let DuckDB read the parts, and take apart line by line those of which it lost lines."""
    heads = [read_head(con, part, reader) for part in parts]
    con.execute(f"drop table if exists {ROWS}")
    _forget_rejects(con)
    unread: set[int] = set()
    empty: dict[int, int] = {}
    for head, alike in groupby(zip(parts, heads, strict=True), key=lambda pair: pair[1]):
        group = [part for part, _ in alike]
        wanted.check(group[0], head.columns, other_delimiter(head))
        try:
            if head.is_mixed or not head.is_plain:
                raise duckdb.InvalidInputException("its header is not DuckDB's")
            for some in _read_together(group, head):
                _load_csv(con, some, head, reader.quote, wanted, empty, 1 + int(reader.header))
        except duckdb.InvalidInputException:  # line ends that are not alike, for one
            _forget_rejects(con)
            con.execute("drop table if exists extract_loaded")
            unread |= {part.number for part in group}
            _drop_rows(con, unread)
    surveyed = surveying.result()
    if surveyed.problem:
        return Opened(columns=tuple(head.columns for head in heads), is_typed=False)
    even = [_with_even_lines(part) if surveyed.is_mixed(part) else part for part in parts]
    for part, head in zip(even, heads, strict=True):
        if part.number in unread and part not in parts and head.is_plain:
            try:
                _load_csv(con, [part], head, reader.quote, wanted, empty, 1 + int(reader.header))
            except duckdb.InvalidInputException:
                _forget_rejects(con)
            else:
                unread.remove(part.number)
    suspicious = unread | _with_lost_lines(con, parts, heads, surveyed, empty)
    for part, head in zip(even, heads, strict=True):
        if part.number in suspicious:
            _recover(con, part, head, reader, wanted, part.number in unread, empty)
    return Opened(columns=tuple(head.columns for head in heads), is_typed=False)


def _read_together(group: list[Part], head: Head) -> list[list[Part]]:
    """The parts that DuckDB may read in one go: it tells files apart by a column of its own."""
    own = {"file_index", "filename", "file_row_number"}
    if own.intersection(column.lower() for column in head.columns):
        return [[part] for part in group]
    return [group]


def _load_csv(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    head: Head,
    quote: str,
    wanted: _Wanted,
    empty: dict[int, int],
    first_line: int,
    options: str = "",
) -> None:
    """Read parts into ROWS and MALFORMED; rows without any value are left out, and counted."""
    types = "{" + ", ".join(f"{text_in_sql(c)}: 'varchar'" for c in head.columns) + "}"
    dialect = (
        f"columns = {types}, delim = {text_in_sql(head.delimiter)}, quote = {text_in_sql(quote)}, "
        f"escape = {text_in_sql(quote)}, header = {str(first_line > 1).lower()}, "
        f"max_line_size = {MAX_LINE_BYTES}, auto_detect = false{options}"
    )
    unneeded = wanted.unneeded(head.columns)
    _load(
        con,
        ROWS,
        parts,
        wanted.kept(head.columns),
        f"{dialect}, store_rejects = true, rejects_limit = 0",
        first_line=first_line,
        unneeded=unneeded,
    )
    _leave_out_empty_rows(con, parts, head, f"{dialect}, ignore_errors = true", empty, first_line)
    _collect_rejects(con, ROWS, parts)


def _leave_out_empty_rows(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    head: Head,
    options: str,
    empty: dict[int, int],
    first_line: int,
) -> None:
    """Delete rows of nothing but delimiters, as spreadsheets save them below their last row."""
    described = con.execute(f"describe {ROWS}").fetchall()
    kept = [name_in_sql(name) for name, *_ in described if name != LINE_NUMBER]
    if not kept:
        return
    nothing = " and ".join(f"{name} is null" for name in kept)
    numbers = ", ".join(str(part.number) for part in parts)
    candidates = con.execute(
        f"select distinct {part_of(LINE_NUMBER)} from {ROWS} "
        f"where {nothing} and {part_of(LINE_NUMBER)} in ({numbers})"
    ).fetchall()
    every = ", ".join(map(name_in_sql, head.columns))
    for part in parts:
        if (part.number,) not in candidates:
            continue
        start = part.first_line + first_line - 2
        # read once more: whether the columns that nobody needs are empty as well
        deleted = con.execute(
            f"""
            delete from {ROWS}
            where {nothing} and {LINE_NUMBER} in (
                select place + {start}
                from (
                    select row_number() over () as place, concat({every}) as whole
                    from read_csv(?, {options})
                )
                where trim(whole) = ''
            )
            """,
            [as_literal(part.location)],
        ).fetchone()
        empty[part.number] = deleted[0] if deleted else 0


def _drop_rows(con: duckdb.DuckDBPyConnection, numbers: Collection[int]) -> None:
    """Forget what has been read of some parts."""
    listed = ", ".join(map(str, numbers))
    if con.execute("select 1 from duckdb_tables() where table_name = ?", [ROWS]).fetchone():
        con.execute(f"delete from {ROWS} where {part_of(LINE_NUMBER)} in ({listed})")
    con.execute(f"delete from {MALFORMED} where {part_of('line_number')} in ({listed})")


_QUOTE_REASONS = ("a quote is not closed", "not well-formed CSV")


def _with_lost_lines(
    con: duckdb.DuckDBPyConnection,
    parts: Sequence[Part],
    heads: Sequence[Head],
    surveyed: _Surveyed,
    empty: dict[int, int],
) -> set[int]:
    """The parts that have more lines than were read as rows or rejects, or quotes out of place.

    Where the lines have not been counted, a value with a line break is enough.
    """
    if not con.execute("select 1 from duckdb_tables() where table_name = ?", [ROWS]).fetchone():
        return set()
    read: dict[int, int] = dict(
        con.execute(f"select {part_of(LINE_NUMBER)}, count(*) from {ROWS} group by all").fetchall()
    )
    bad: dict[int, tuple[int, int]] = {
        number: (count, quotes)
        for number, count, quotes in con.execute(
            f"select {part_of('line_number')}, count(*), count(*) filter (reason in ?) "
            f"from {MALFORMED} group by all",
            [list(_QUOTE_REASONS)],
        ).fetchall()
    }
    found = set()
    for part, head in zip(parts, heads, strict=True):
        count, quotes = bad.get(part.number, (0, 0))
        rows = read.get(part.number, 0) + count + empty.get(part.number, 0)
        survey = surveyed.of(part)
        if survey is None:
            is_short = _has_line_breaks(con, part)
        else:
            is_short = survey.lines != rows + head.first_line - 1
        if is_short or quotes:
            found.add(part.number)
    return found


def _has_line_breaks(con: duckdb.DuckDBPyConnection, part: Part) -> bool:
    described = con.execute(f"describe {ROWS}").fetchall()
    broken = " or ".join(
        f"contains({name_in_sql(name)}, chr(10))" for name, *_ in described if name != LINE_NUMBER
    )
    return bool(
        con.execute(
            f"select 1 from {ROWS} where ({broken or 'false'}) "
            f"and {part_of(LINE_NUMBER)} = {part.number} limit 1"
        ).fetchone()
    )


def _recover(
    con: duckdb.DuckDBPyConnection,
    part: Part,
    head: Head,
    reader: Reader,
    wanted: _Wanted,
    is_unread: bool,
    empty: dict[int, int],
) -> None:
    """Take a part apart line by line, and read it again where DuckDB has read something else.

    Rows and rejects get the numbers of their lines. Raises ExtractError where lines are lost even
    so.
    """
    here = f"{part_of('line_number')} = {part.number}"
    con.execute(f"create or replace temp table extract_known as from {MALFORMED} where {here}")
    con.execute(f"delete from {MALFORMED} where {here}")
    con.execute(f"drop table if exists {LINES}")
    _load(con, LINES, [part], ", line", LINES_OPTIONS)
    _collect_rejects(con, LINES, [part])
    con.execute(f"create or replace temp table extract_unread as from {MALFORMED} where {here}")
    con.execute(f"delete from {MALFORMED} where {here}")
    con.execute(f"delete from {LINES} where {line_of(LINE_NUMBER)} < {head.first_line}")
    line_end = "\n" if part.location.endswith(_EVEN) else head.line_end
    escapes = take_apart(con, head.delimiter, reader.quote, len(head.columns), line_end)
    records = _number(con, f"select count(*) from {RECORDS}")
    lost = _number(
        con,
        f"select (select count(*) from {UNCLOSED}) + (select count(*) from extract_unread) "
        f"+ (select count(*) from extract_known where reason in {_QUOTE_REASONS})",
    )
    read = 0 if is_unread else _read_of(con, part, empty, "extract_known")
    if not is_unread and not escapes and not lost and records == read:
        con.execute(f"insert into {MALFORMED} from extract_known")
        _renumber(con, part, int(reader.header))
        return
    _drop_rows(con, [part.number])
    empty.pop(part.number, None)
    if records:
        assert part.scratch is not None  # parts of extracts have one
        copy = part.scratch / f"rows-{part.number}.csv"
        con.execute(
            f"copy (select text from {RECORDS} order by ordinal) to {text_in_sql(copy)} "
            "(format csv, header false, delimiter '\x1f', quote '', escape '')"
        )
        ends = r", new_line = '\n'"  # not the one within a value, which may come first
        copied = replace(part, location=str(copy))
        _load_csv(con, [copied], head, reader.quote, wanted, empty, 1, ends)
        copy.unlink()
    elif not con.execute("select 1 from duckdb_tables() where table_name = ?", [ROWS]).fetchone():
        columns = ", ".join(f"{name_in_sql(column)} varchar" for column in wanted.needed)
        con.execute(f"create temp table {ROWS} ({LINE_NUMBER} bigint, {columns})")
    read = _read_of(con, part, empty)
    if read != records:
        raise ExtractError(
            f"{part.name}: {records - read:,} of its {records:,} rows are lost between quotes that "
            "do not match. Correct reader.quote or reader.delimiter in the sources file, or fetch "
            "the export again."
        )
    _renumber(con, part, 0)
    con.execute(f"insert into {MALFORMED} from extract_unread")
    con.execute(
        f"insert into {MALFORMED} select line_number, {text_in_sql(_QUOTE_REASONS[0])}, line "
        f"from {UNCLOSED}"
    )


def _read_of(
    con: duckdb.DuckDBPyConnection, part: Part, empty: dict[int, int], bad: str = MALFORMED
) -> int:
    """How many rows of a part have been read, those that cannot be landed included."""
    rows = f"select count(*) from {ROWS} where {part_of(LINE_NUMBER)} = {part.number}"
    rejects = f"select count(*) from {bad} where {part_of('line_number')} = {part.number}"
    return _number(con, rows) + _number(con, rejects) + empty.get(part.number, 0)


def _renumber(con: duckdb.DuckDBPyConnection, part: Part, header: int) -> None:
    """Give the rows of a part, which are numbered one by one, the numbers of their lines."""
    first = part.first_line - 1 + header
    for table, column in ((ROWS, LINE_NUMBER), (MALFORMED, "line_number")):
        con.execute(
            f"""
            update {table} set {column} = records.line_number
            from {RECORDS} as records
            where {table}.{column} = records.ordinal + {first}
            """
        )


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0


def _open_ndjson(con: duckdb.DuckDBPyConnection, parts: Sequence[Part], wanted: _Wanted) -> Opened:
    # lines, not JSON: a reader of JSON drops what it cannot parse, or stops
    con.execute("drop table if exists extract_lines")
    _load(con, "extract_lines", parts, ", line", LINES_OPTIONS)
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
        select {LINE_NUMBER}{fields}
        from (select {LINE_NUMBER}, {parsed} as row_text from extract_lines)
        """
    )
    nothing = " and ".join(f"{name_in_sql(column)} is null" for column in wanted.needed)
    con.execute(
        f"""
        create or replace temp table extract_no_objects as
        select {LINE_NUMBER} as line_number, line
        from extract_lines
        semi join (select {LINE_NUMBER} from {ROWS} where {nothing or "true"}) using ({LINE_NUMBER})
        where {parsed} is null
        """
    )
    if con.execute("select 1 from extract_no_objects limit 1").fetchone():
        for table in (ROWS, "extract_lines"):
            con.execute(
                f"delete from {table} using extract_no_objects as no_objects "
                f"where {table}.{LINE_NUMBER} = no_objects.line_number"
            )
        if mend_lines(con, "extract_no_objects", "extract_mended"):
            con.execute("insert into extract_lines by name from extract_mended")
            con.execute(
                f"""
                insert into {ROWS} by name
                select {LINE_NUMBER}{fields}
                from (select {LINE_NUMBER}, {parsed} as row_text from extract_mended)
                """
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
                select {LINE_NUMBER}, line
                from extract_lines
                where {line_of(LINE_NUMBER)} % (
                    select 1 + max({line_of(LINE_NUMBER)}) // {_KEY_SAMPLE} from extract_lines
                ) in (0, 1)
            ),

            keys as (
                select distinct
                    {part_of(LINE_NUMBER)} as part,
                    unnest(json_keys(ltrim(line, chr(65279)))) as key,
                from sampled
                semi join {ROWS} using ({LINE_NUMBER})
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
            here = f"from extract_lines semi join {ROWS} using ({LINE_NUMBER}) "
            here += f"where {part_of(LINE_NUMBER)} = {part.number}"
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
    _load(con, ROWS, parts, ", line", LINES_OPTIONS)
    _collect_rejects(con, ROWS, parts)
    con.execute(
        f"delete from {ROWS} where {line_of(LINE_NUMBER)} <= ? or trim(line) = '' or line is null",
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
        select {LINE_NUMBER}{kept}
        from (
            select line_number as {LINE_NUMBER},
                from_json(record, {text_in_sql(structure)}) as row_text
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
            on {part_of(f"records.{LINE_NUMBER}")} = documents.part
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
        row = con.execute(
            "select content from read_text(?)", [as_literal(part.location)]
        ).fetchone()
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
        location = text_in_sql(as_literal(part.location))
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
            f"select {_place_in_parquet(found)} + {part.first_line} as {LINE_NUMBER}{kept} "
            f"from read_parquet({location}{_numbered(found)})"
        )
    rows = f"({' union all '.join(relations)})"
    return Opened(columns=tuple(columns), is_typed=not as_text, rows=rows)


def _place_in_parquet(columns: Collection[str]) -> str:
    """SQL for a row's place, from 0: DuckDB's own number, unless a column has its name."""
    return "row_number() over () - 1" if "file_row_number" in columns else "file_row_number"


def _numbered(columns: Collection[str]) -> str:
    return "" if "file_row_number" in columns else ", file_row_number = true"


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
        update {rows} set {LINE_NUMBER} = {LINE_NUMBER} + shifts.lines
        from (
            select {rows}.{LINE_NUMBER} as was, count(*) as lines
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
                    {rows}.{LINE_NUMBER} >= unreadable.first_shifted
                    and {part_of(f"{rows}.{LINE_NUMBER}")} = unreadable.part
            group by all
        ) as shifts
        where {rows}.{LINE_NUMBER} = shifts.was
        """
    )


def names_of(parts: Sequence[Part]) -> str:
    """How an error names the parts where it is not known which of them is the cause."""
    return parts[0].name if len(parts) == 1 else f"{parts[0].name} or one beside it"


def first_line_of(error: Exception) -> str:
    """What an error of DuckDB says before it goes into detail."""
    return str(error).strip().splitlines()[0]
