"""Find what tells the charts of one file apart: columns, and what only the file's name says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from flows.formats.heads import letters
from flows.inspect.looking import Column, Look

_GENRES = ("genre", "category", "genre_name", "category_name", "genre_id", "category_id")
_OTHERS = ("device", "device_type", "feed_type", "kind", "type", "platform", "language", "price")

_KIND = re.compile(r"(?i)(?:top[-_ ]?)?(free|paid|grossing)")
_DAY = re.compile(r"(?<!\d)20\d\d-?[01]\d-?[0-3]\d(?!\d)")


def chart_columns(
    look: Look, found: Mapping[str, Column], columns: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What to add to the mapping of a file of charts, and notes on it.

    A column is taken where ranks come twice in one chart without it, and less often with it: an
    app's own category tells no charts apart.
    """
    more: dict[str, str] = {}
    notes: list[str] = []
    keys = [found[key] for key in ("storefront", "store", "chart", "snapshot_at") if key in found]
    repeated = _ranks_given_twice(found["rank"], keys)
    for key, names in (("genre", _GENRES), ("chart", _OTHERS)):
        for column in _named(look.columns, names):
            if column in keys or column in found.values() or not repeated:
                continue
            left = _ranks_given_twice(found["rank"], [*keys, column])
            if left >= repeated:
                continue
            keys, repeated = [*keys, column], left
            if key == "chart":
                named = more.get("chart") or columns.get("chart") or "'top'"
                more["chart"] = f"concat_ws('-', {named}, {column.expression})"
            else:
                more[key] = column.expression
            notes.append(f"{column.name} tells charts apart: taken for columns.{key}.")
    if repeated:
        notes.append(
            f"A rank comes twice in one chart ({repeated} of the rows looked at): something tells "
            "charts apart that is not mapped. Such rows are rejected."
        )
    return more, notes


def from_file_name(look: Look, columns: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The chart and the day that only the file's name says, as SQL over ``filename``, and notes."""
    more: dict[str, str] = {}
    notes: list[str] = []
    if "chart" not in columns and (kind := _KIND.search(look.file_name)):
        more["chart"] = "'top-' || lower(regexp_extract(filename, '(?i)(free|paid|grossing)'))"
        notes.append(f"The file's name says which chart it is: top-{kind[1].lower()}.")
    if "snapshot_at" not in columns and (day := _DAY.search(look.file_name)):
        pattern = r"\d{4}-\d{2}-\d{2}" if "-" in day[0] else r"\d{8}"
        form = "%Y-%m-%d" if "-" in day[0] else "%Y%m%d"
        more["snapshot_at"] = f"strptime(regexp_extract(filename, '{pattern}'), '{form}')"
        notes.append(f"The file's name says of which day it is: {day[0]}.")
    return more, notes


def _named(columns: Iterable[Column], names: Sequence[str]) -> list[Column]:
    wanted = {letters(name) for name in names}
    return [column for column in columns if letters(column.name) in wanted]


def _ranks_given_twice(rank: Column, keys: Sequence[Column]) -> int:
    """How many rows looked at have a rank that an earlier one of the same chart has."""
    if any(len(column.values) != len(rank.values) for column in keys):
        return 0  # rows without a value are left out: nothing can be said
    rows = list(zip(rank.values, *(column.values for column in keys), strict=True))
    return len(rows) - len(set(rows))
