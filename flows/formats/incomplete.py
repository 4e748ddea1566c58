"""Refuse an export whose last line says, or shows, that it ended early."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import duckdb

from flows.errors import ExtractError
from flows.extract.survey import Survey
from flows.extract.unpack import PART_BITS, Part
from flows.sources import Reader

_MESSAGE = re.compile(
    r"\b(terminated|incomplete|truncated|aborted|interrupted|time[d -]*out|exceeded|failed|failure|"
    r"errors?|exception|cancell?ed|killed|disconnected|connection (was )?(reset|lost|closed)|"
    r"out of memory|too many requests|partial (result|export|data)\w*)\b",
    re.IGNORECASE,
)
"""Words by which servers end an export that they cannot finish."""

_LONGEST_MESSAGE = 1000

_ERROR_KEYS = frozenset({"error", "errors", "exception", "error_message", "errorMessage", "fault"})


def check_end(
    con: duckdb.DuckDBPyConnection,
    part: Part,
    survey: Survey | None,
    reader: Reader,
    needed: frozenset[str],
    malformed: str,
) -> None:
    """Raise ExtractError where the last line of a part is an error message or cut off.

    ``malformed`` is the table of the lines that could not be read: only one of these can be. What
    is missing after it is not known, so that nothing of the export lands.
    """
    if survey is None or reader.type not in ("csv", "ndjson"):
        return
    last = survey.last_line.strip("\ufeff \t\r\n")
    if reader.type == "ndjson" and _is_error_object(last, needed):
        raise _incomplete(part, f"its last line is an error message: {_shown(last)}")
    if not _is_malformed(con, part, last, malformed):
        return
    if _is_message(last):
        raise _incomplete(part, f"its last line is a message, not a row: {_shown(last)}")
    if survey.is_open:
        raise _incomplete(
            part, f"its last line is cut off: no row, and no line end ({len(last):,} characters)"
        )


def _incomplete(part: Part, reason: str) -> ExtractError:
    return ExtractError(
        f"{part.name}: {reason}. The export may be incomplete: nothing of it has landed. Fetch it "
        "again, or delete that line if the rest is whole."
    )


def _is_malformed(con: duckdb.DuckDBPyConnection, part: Part, last: str, malformed: str) -> bool:
    row = con.execute(
        f"""
        select ends_with(trim(line, ' ' || chr(9) || chr(10) || chr(13)), $last)
        from {malformed}
        where line_number >> {PART_BITS} = {part.number}
        order by line_number desc
        limit 1
        """,
        {"last": last},
    ).fetchone()
    return bool(last) and row is not None and bool(row[0])


def _is_message(line: str) -> bool:
    return (
        len(line) <= _LONGEST_MESSAGE
        and not line.startswith(("{", "["))
        and '":' not in line
        and _MESSAGE.search(line) is not None
    )


def _is_error_object(line: str, needed: frozenset[str]) -> bool:
    """Whether a line is an object that speaks of an error and has nothing that a row has."""
    if not line.startswith("{"):
        return False
    try:
        found = json.loads(line)
    except ValueError:
        return False
    keys: Sequence[str] = list(found) if isinstance(found, dict) else []
    return bool(_ERROR_KEYS.intersection(keys)) and not needed.intersection(keys)


def _shown(line: str) -> str:
    return repr(line if len(line) <= 200 else f"{line[:200]}…")
