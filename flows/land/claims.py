"""Hold the content of a chart file against what its name says it is."""

from __future__ import annotations

import re

import duckdb

from flows.errors import ExtractError
from flows.sources import ChartFiles

_PLACEHOLDERS = {
    "{storefront}": "(?P<storefront>[A-Za-z]{2})",
    "{chart}": "(?P<chart>[^/]+?)",
    "{genre}": "(?P<genre>[^/]+?)",
    "{date}": r"\d{4}-\d{2}-\d{2}",
    "{home}": ".*",
    "**": ".*",
    "*": "[^/]*",
    "?": "[^/]",
}

_ITUNES_NAMES = {
    "topfreeapplications": "top-free",
    "toppaidapplications": "top-paid",
    "topgrossingapplications": "top-grossing",
}


def claimed(uri: str, source: ChartFiles) -> dict[str, str]:
    """What a file's name says by the placeholders of its source's uri: storefront, chart, genre."""
    for pattern in source.uris:
        tokens = re.split("(" + "|".join(map(re.escape, _PLACEHOLDERS)) + ")", pattern)
        regex = "".join(_PLACEHOLDERS.get(token, re.escape(token)) for token in tokens)
        if named := re.search(regex + "$", uri):
            return {
                column: _ITUNES_NAMES.get(value.lower(), value.lower())
                for column, value in named.groupdict().items()
            }
    return {}


def check(con: duckdb.DuckDBPyConnection, uri: str, source: ChartFiles) -> None:
    """Raise ExtractError where entries of chart_entries are of another chart than the name says.

    A mirror that serves one country's chart under another's address would otherwise put an app on
    a chart that it never was on.
    """
    told = claimed(uri, source)
    if not told:
        return
    columns = ", ".join(told)
    found = con.execute(f"select distinct {columns} from chart_entries order by all").fetchall()
    for row in found:
        if any(value is not None and value != told[c] for c, value in zip(told, row, strict=True)):
            raise ExtractError(
                f"{uri}: its name says {'/'.join(told.values())}, its content is of "
                f"{'/'.join(map(str, row))}. Fetch it again; nothing of it has landed."
            )
