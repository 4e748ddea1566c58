"""Find extracts among local files, and tell of which days they are."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from flows.errors import ExtractError
from flows.extract.found import Found, found_file

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_PLACEHOLDERS = {
    "{date}": _DAY,
    "{storefront}": "[A-Za-z][A-Za-z]",
    "{chart}": "*",
    "{genre}": "*",
}
_DAY_IN_NAME = re.compile(r"(?<!\d)(\d{4})[-_/]?(\d{2})[-_/]?(\d{2})(?!\d)")
_MILLISECONDS = re.compile(r"(?<!\d)\d{13}(?!\d)")


def list_files(name: str, uri: str, sources_file: Path, home: Path) -> list[Found]:
    """The local files that a source's uri matches; hidden ones are left out.

    Raises ExtractError naming the source and the pattern when it matches nothing.
    """
    pattern = _pattern(uri, sources_file.parent, home)
    if Path(pattern).is_dir():
        pattern = f"{glob.escape(pattern)}/*"
    candidates = [Path(pattern)] if Path(pattern).is_file() else map(Path, _glob(pattern))
    found = [path for path in candidates if path.is_file() and not path.name.startswith(".")]
    if not found:
        raise ExtractError(_nothing_found(name, uri, sources_file, home))
    return [found_file(path) for path in sorted(found)]


def filled(uri: str) -> str:
    """A uri with globs for its placeholders."""
    for placeholder, pattern in _PLACEHOLDERS.items():
        uri = uri.replace(placeholder, pattern)
    return uri


def between(found: Iterable[Found], start: date, end: date) -> tuple[list[Found], int]:
    """Those of the days from ``start`` to ``end``, and how many carry no day at all.

    A day is in the name or in a folder, as 2026-01-05, 20260105, 2026_01_05 or 2026/01/05, or, as
    in Segment's archives, as the milliseconds of its midnight.
    """
    chosen = []
    undated = 0
    for one in found:
        days = _days(one.uri)
        undated += not days
        if any(start <= day <= end for day in days):
            chosen.append(one)
    return chosen, undated


def day_of(uri: str) -> date | None:
    """The day that a file's own name carries, the last one where it carries several."""
    return max(_days_in(uri.rpartition("/")[2]), default=None)


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute


def _pattern(uri: str, base: Path, home: Path) -> str:
    pattern = filled(uri.replace("{home}", glob.escape(str(home))))
    return str(base / Path(pattern).expanduser())


def _nothing_found(name: str, uri: str, sources_file: Path, home: Path) -> str:
    pattern = _pattern(uri, sources_file.parent, home)
    hint = ""
    if _glob(str(Path.cwd() / uri)):
        hint = " It does exist relative to the working directory: write the path in full."
    return (
        f"{name}: no file matches {pattern} (a relative uri is relative to {sources_file}).{hint}"
    )


def _days(uri: str) -> list[date]:
    """The days that a name carries; if none, those of the folders."""
    folders, _, name = uri.rpartition("/")
    return _days_in(name) or _days_in(folders)


def _days_in(text: str) -> list[date]:
    days = []
    for year, month, day in _DAY_IN_NAME.findall(text):
        try:
            days.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue  # eight digits that are no day, such as a serial number
    midnights = [int(digits) for digits in _MILLISECONDS.findall(text)]
    days += [
        datetime.fromtimestamp(midnight / 1000, UTC).date()
        for midnight in midnights
        if midnight % 86_400_000 == 0
    ]
    return days
