"""How DuckDB reads a text file as lines."""

from __future__ import annotations

import re

LINE_NUMBER = "_afterhype_line"
"""The column that is landing's own in tables of an export's columns, some of which are called
line_number."""

MAX_LINE_BYTES = 16 * 1024 * 1024

LINES_OPTIONS = f"""
    columns = {{'line': 'varchar'}}, delim = '\x1f\x02\x1f\x02', quote = '', escape = '',
    header = false, auto_detect = false, store_rejects = true, rejects_limit = 0,
    max_line_size = {MAX_LINE_BYTES}, strict_mode = false
"""
"""Options of read_csv: one column, line. The delimiter is a sequence that no text has."""


def as_literal(location: str) -> str:
    """A location as DuckDB takes it for one file, whatever signs its name has."""
    if location.startswith(("http://", "https://")):
        return location
    return re.sub(r"[\[*?]", lambda sign: f"[{sign[0]}]", location)
