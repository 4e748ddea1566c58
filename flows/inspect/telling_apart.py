"""Find what tells the charts of one file apart: columns, and what only the file's name says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from flows.formats.heads import letters
from flows.inspect.looking import Column, Look
from flows.sql import text_in_sql

_GENRES = ("genre", "category", "genre_name", "category_name", "genre_id", "category_id")
_OTHERS = ("device", "device_type", "feed_type", "kind", "type", "platform", "language", "price")

_KIND = r"(?i)(?:^|[^a-z]|top)(free|paid|grossing)(?:[^a-z]|$|app|ip)"
"""A kind of chart within a file's name, for Python and for DuckDB."""

_COUNTRY = r"(?i)(?:^|[-_. ])([a-z]{2})[-_. ]"
"""Two letters by themselves within a file's name, for DuckDB."""

_TWO_LETTERS = re.compile(r"(?i)(?<![^-_. ])[a-z]{2}(?=[-_. ])")
"""The same for Python, all of them."""

_COUNTRIES = re.compile(
    "ae|ar|at|au|be|bg|bh|br|by|ca|ch|cl|cn|co|cr|cy|cz|de|dk|dz|ec|ee|eg|es|fi|fr|gb|gr|gt|hk|hr|"
    "hu|id|ie|il|in|is|it|jo|jp|ke|kr|kw|kz|lb|lt|lu|lv|ma|mo|mt|mx|my|ng|ni|nl|no|nz|om|pa|pe|ph|"
    "pk|pl|pt|py|qa|ro|rs|ru|sa|se|sg|si|sk|sv|th|tn|tr|tw|ua|us|uy|uz|ve|vn|za",
    re.IGNORECASE,
)

_DAY = re.compile(r"(?<!\d)20\d\d-?[01]\d-?[0-3]\d(?!\d)")


def chart_columns(
    look: Look, found: Mapping[str, Column], columns: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What to add to the mapping of a file of charts, and notes on it.

    A column is taken where ranks come twice in one chart without it, and less often with it, the
    one that helps most first. One with more values than a rank has apps is an app's own, and so is
    a category where no rank comes twice.
    """
    more: dict[str, str] = {}
    notes: list[str] = []
    rank = found["rank"]
    keys = [found[key] for key in ("storefront", "store", "chart", "snapshot_at") if key in found]
    unused = [column for column in look.columns if column not in found.values()]
    named = [
        column for names in (_GENRES, _OTHERS) for column in _named(unused, names)
    ]  # fmt: skip
    taken, repeated = _telling_apart(rank, keys, named)
    for column in taken:
        is_genre = letters(column.name) in set(map(letters, _GENRES)) and "genre" not in more
        if is_genre:
            more["genre"] = column.expression
        else:
            chart = more.get("chart") or columns.get("chart") or "'top'"
            more["chart"] = f"concat_ws('-', {chart}, {column.expression})"
        told = "genre" if is_genre else "chart"
        notes.append(f"{column.name} tells charts apart: taken for columns.{told}.")
    if repeated:
        others, left = _telling_apart(rank, [*keys, *taken], unused)
        hint = f" {', '.join(c.name for c in others)} may be that." if others and not left else ""
        notes.append(
            f"A rank comes twice in one chart ({repeated} of the rows looked at): something tells "
            f"charts apart that is not mapped.{hint} Such rows are rejected."
        )
    return more, notes


def from_file_name(look: Look, columns: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Chart, storefront and day that only the file's name says, as SQL over filename; notes."""
    more: dict[str, str] = {}
    notes: list[str] = []
    if "chart" not in columns and (kind := re.search(_KIND, look.file_name)):
        more["chart"] = f"'top-' || lower(regexp_extract(filename, {text_in_sql(_KIND)}, 1))"
        notes.append(f"The file's name says which chart it is: top-{kind[1].lower()}.")
    countries = _TWO_LETTERS.findall(look.file_name)
    if "storefront" not in columns and len(countries) == 1 and _COUNTRIES.fullmatch(countries[0]):
        more["storefront"] = f"lower(regexp_extract(filename, {text_in_sql(_COUNTRY)}, 1))"
        notes.append(f"The file's name says of which storefront it is: {countries[0].lower()}.")
    if "snapshot_at" not in columns and (day := _DAY.search(look.file_name)):
        pattern = r"\d{4}-\d{2}-\d{2}" if "-" in day[0] else r"\d{8}"
        form = "%Y-%m-%d" if "-" in day[0] else "%Y%m%d"
        more["snapshot_at"] = f"strptime(regexp_extract(filename, '{pattern}'), '{form}')"
        notes.append(f"The file's name says of which day it is: {day[0]}.")
    return more, notes


def _named(columns: Iterable[Column], names: Sequence[str]) -> list[Column]:
    wanted = {letters(name) for name in names}
    return [column for column in columns if letters(column.name) in wanted]


def _telling_apart(
    rank: Column, keys: Sequence[Column], candidates: Sequence[Column]
) -> tuple[list[Column], int]:
    """The candidates that tell charts apart, and how many ranks are given twice even so."""
    most = max(Counter(_rows(rank, keys)).values(), default=0)
    left = [c for c in candidates if 1 < len(set(c.cells)) <= most]
    taken: list[Column] = []
    repeated = _ranks_given_twice(rank, keys)
    while repeated and left:
        best = min(left, key=lambda column: _ranks_given_twice(rank, [*keys, *taken, column]))
        remaining = _ranks_given_twice(rank, [*keys, *taken, best])
        if remaining >= repeated:
            break
        taken, repeated = [*taken, best], remaining
        left.remove(best)
    return taken, repeated


def _ranks_given_twice(rank: Column, keys: Sequence[Column]) -> int:
    """How many rows looked at have a rank that an earlier one of the same chart has."""
    rows = _rows(rank, keys)
    return len(rows) - len(set(rows))


def _rows(rank: Column, keys: Sequence[Column]) -> list[tuple[str | None, ...]]:
    """Rank and keys row by row; a key of no row, as of the whole document, tells nothing apart."""
    of_rows = [key.cells for key in keys if len(key.cells) == len(rank.cells)]
    return [row for row in zip(rank.cells, *of_rows, strict=True) if row[0]]
