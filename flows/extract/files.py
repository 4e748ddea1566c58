"""Find the extracts of a source among local files."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from flows.errors import ExtractError
from flows.extract.found import Found, found_file
from flows.sources import ChartFiles, EventSource

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_PLACEHOLDERS = {
    "{date}": _DAY,
    "{storefront}": "[A-Za-z][A-Za-z]",
    "{chart}": "*",
    "{genre}": "*",
}
_DAY_IN_NAME = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


def list_files(source: EventSource | ChartFiles, sources_file: Path, home: Path) -> list[Found]:
    """The files of a source, sorted by path; hidden ones are left out.

    Raises ExtractError naming the source and the pattern when a pattern matches nothing.
    """
    found: set[Path] = set()
    for uri in source.uris:
        matches = _matches(uri, sources_file, home)
        if not matches:
            raise ExtractError(_nothing_found(source.name, uri, sources_file, home))
        found.update(matches)
    return [found_file(path) for path in sorted(found)]


def between(found: Iterable[Found], start: date, end: date) -> list[Found]:
    """Those whose name carries a day (YYYY-MM-DD or YYYYMMDD) from ``start`` to ``end``."""
    return [one for one in found if any(start <= day <= end for day in _days(one.name))]


def _matches(uri: str, sources_file: Path, home: Path) -> list[Path]:
    pattern = _pattern(uri, sources_file.parent, home)
    if Path(pattern).is_dir():
        pattern = f"{glob.escape(pattern)}/*"
    candidates = [Path(pattern)] if Path(pattern).is_file() else map(Path, _glob(pattern))
    return [path for path in candidates if path.is_file() and not path.name.startswith(".")]


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - the pattern may be absolute


def _pattern(uri: str, base: Path, home: Path) -> str:
    filled = uri.replace("{home}", glob.escape(str(home)))
    for placeholder, pattern in _PLACEHOLDERS.items():
        filled = filled.replace(placeholder, pattern)
    return str(base / Path(filled).expanduser())


def _nothing_found(name: str, uri: str, sources_file: Path, home: Path) -> str:
    pattern = _pattern(uri, sources_file.parent, home)
    hint = ""
    if _glob(str(Path.cwd() / uri)):
        hint = " It does exist relative to the working directory: write the path in full."
    return (
        f"{name}: no file matches {pattern} (a relative uri is relative to {sources_file}).{hint}"
    )


def _days(name: str) -> list[date]:
    days = []
    for year, month, day in _DAY_IN_NAME.findall(name):
        try:
            days.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue  # eight digits that are no day, such as a serial number
    return days
