"""What stands above the rows of a CSV file: the names of its columns, and a spreadsheet's sep=."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import ZSTD, Part
from flows.formats.lines import LINES_OPTIONS, as_literal
from flows.formats.not_utf8 import is_utf8, likely_encoding
from flows.formats.sniffing import DELIMITERS, head_of
from flows.sources import Reader

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_SEPARATOR = re.compile(r'"?sep=([^"\r\n])"?[\s,;]*', re.IGNORECASE)

_MOST_LINES = 50
"""Lines looked at for the end of a header that has line breaks."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The columns of a CSV file, the delimiter, and the first line below the header, from 1.

    ``is_plain`` says that DuckDB finds the header by itself: it is the first line, and the
    delimiter is the one of the sources file. ``line_end`` is how the header ends; ``is_mixed`` says
    that the line below ends in another way, at which DuckDB stops after seconds.
    """

    columns: tuple[str, ...]
    delimiter: str
    first_line: int
    is_plain: bool
    line_end: str
    is_mixed: bool = False


def read_head(con: duckdb.DuckDBPyConnection, part: Part, reader: Reader) -> Head:
    """The head of a part. DuckDB's own sniffer would give up on a file with bad rows.

    A first line ``sep=;`` names the delimiter, whatever the reader says. Where the rows end with
    one delimiter more than the header, there is a nameless column.
    """
    if reader.header:
        _refuse_names_not_in_utf8(part)
    lines = _first_lines(con, part)
    above = 0
    while above < len(lines) and not lines[above].strip():
        above += 1
    delimiter = reader.delimiter
    if above < len(lines) and (separator := spreadsheet_separator(lines[above])):
        delimiter = separator
        above += 1
    lines = lines[above:] or [""]
    size = _lines_of_the_first_row(lines, reader.quote) if reader.header else 0
    names: Sequence[str] = reader.names
    if not names:
        names = _fields(lines[:size], delimiter, reader.quote)
        rest = lines[size : size + 1] if delimiter[1:] or not reader.quote else lines[size:]
        if rest and len(row := _fields(rest, delimiter, reader.quote)) == len(names) + 1:
            names = [*names, ""] if not row[-1] else names
        names = column_names(names)
    return Head(
        columns=tuple(names),
        delimiter=delimiter,
        first_line=above + size + 1,
        is_plain=above == 0 and size <= 1,
        is_mixed=size == 1 and _end_apart(lines[:2], reader.quote),
        line_end="\r\n" if lines[0].endswith("\r\n") else "\n",
    )


def other_delimiter(head: Head) -> str | None:
    """The delimiter that a header of a single column seems to have instead of the reader's."""
    if len(head.columns) != 1:
        return None
    name = head.columns[0]
    found = max((d for d in DELIMITERS if d != head.delimiter), key=name.count)
    return found if found in name else None


def spreadsheet_separator(line: str) -> str | None:
    """The delimiter that a first line such as sep=; names."""
    found = _SEPARATOR.fullmatch(line.strip("\r\n "))
    return found[1] if found else None


def same_columns(asked: Iterable[str], columns: Sequence[str]) -> dict[str, str]:
    """The columns that are asked for, each with the one of ``columns`` that it is.

    Names are the same without regard to case; failing that, without regard to blanks and
    underscores as well, where only one column is meant.
    """
    by_case = {column.lower(): column for column in reversed(columns)}
    by_letters: dict[str, list[str]] = {}
    for column in columns:
        by_letters.setdefault(letters(column), []).append(column)
    found = {}
    for name in asked:
        alike = by_letters.get(letters(name), [])
        if name.lower() in by_case:
            found[name] = by_case[name.lower()]
        elif len(alike) == 1:
            found[name] = alike[0]
    return found


def letters(name: str) -> str:
    """A column's name without case, blanks and underscores: Package Name is package_name."""
    return re.sub(r"[\s_]+", "", name).lower()


def _refuse_names_not_in_utf8(part: Part) -> None:
    """Raise ExtractError for a header in another encoding: DuckDB would leave out the line."""
    first = head_of(part).lstrip(b"\xef\xbb\xbf\r\n").split(b"\n", 1)[0].split(b"\r", 1)[0]
    if b"\0" in first or first.startswith(ZSTD) or is_utf8(first):
        return
    raise ExtractError(
        f"{part.name}: its header is not UTF-8, most likely {likely_encoding(first)}. Say so as "
        "reader.encoding (of a vendor's format: encoding) in the sources file."
    )


def _first_lines(con: duckdb.DuckDBPyConnection, part: Part) -> list[str]:
    """The first lines with their ends. DuckDB reads 32 MB ahead for them: it is the last resort."""
    if not part.location.endswith(".zst"):
        head = head_of(part)
        line = re.split(rb"[\r\n]", head.lstrip(b"\xef\xbb\xbf\r\n"), maxsplit=1)
        if len(line) == 2 and b"\0" not in line[0] and is_utf8(line[0]):
            text = head.decode("utf-8-sig", "replace")
            return [found[0] for found in islice(_LINE.finditer(text), _MOST_LINES)]
    rows = con.execute(
        f"select line from read_csv(?, {LINES_OPTIONS}) limit {_MOST_LINES}",
        [as_literal(part.location)],
    ).fetchall()
    return [f"{line or ''}\n" for (line,) in rows]


def _lines_of_the_first_row(lines: Sequence[str], quote: str) -> int:
    """How many lines the header takes: more than one where a quoted name has line breaks."""
    quotes = 0
    for number, line in enumerate(lines, 1):
        quotes += line.count(quote) if quote else 0
        if quotes % 2 == 0:
            return number
    return 1


def _end_apart(lines: Sequence[str], quote: str) -> bool:
    """Whether two lines end in two ways, and neither end is within a quoted value."""
    ends = {line[len(line.rstrip("\r\n")) :] for line in lines} - {""}
    return len(ends) > 1 and not (quote and any(line.count(quote) % 2 for line in lines))


def _fields(lines: Sequence[str], delimiter: str, quote: str) -> list[str]:
    if len(delimiter) > 1 or not quote:
        return "".join(lines).rstrip("\r\n").split(delimiter)
    return next(csv.reader(lines, delimiter=delimiter, quotechar=quote), [])


def column_names(written: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns as mappings speak of them; one without a name is column0, say."""
    return tuple(_unique([one_line(name) or f"column{n}" for n, name in enumerate(written)]))


def one_line(name: str) -> str:
    """A column's name without what surrounds it, and without line breaks."""
    return " ".join(name.split()) if "\n" in name or "\r" in name else name.strip()


def _unique(names: list[str]) -> list[str]:
    """Names told apart without regard to case, as DuckDB tells columns apart."""
    lower = [name.lower() for name in names]
    return [name if lower[n] not in lower[:n] else f"{name}_{n}" for n, name in enumerate(names)]
