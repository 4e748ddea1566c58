"""Know SQL that makes a time in UTC, whatever zone an export's times are of."""

from __future__ import annotations

import re

_GIVES_UTC = re.compile(
    r"\b(epoch_(ms|us|ns)|make_timestamp(_ms|_ns)?|timezone)\s*\(|\bat\s+time\s+zone\b",
    re.IGNORECASE,
)


def gives_utc(expression: str) -> bool:
    """Whether an expression makes a time in UTC of what has none of its own: of a count, say.

    DuckDB gives such a time the type of those without a zone.
    """
    return _GIVES_UTC.search(expression) is not None
