"""Hold the content of a chart file against what its name says it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from flows.extract.found import Extract
from flows.land.judging import extract_of
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


def refused(
    con: duckdb.DuckDBPyConnection, extracts: Sequence[Extract], source: ChartFiles
) -> dict[str, str]:
    """The extracts whose entries in chart_entries are of another chart than their name says.

    A mirror that serves one country's chart under another's address would otherwise put an app on
    a chart that it never was on. Gives a message for each, by extract id.
    """
    claims = {extract.extract_id: claimed(extract.uri, source) for extract in extracts}
    found = {
        columns: _charts(con, columns) for columns in set(map(tuple, claims.values())) if columns
    }
    messages = {}
    for extract in extracts:
        claim = claims[extract.extract_id]
        charts = found[tuple(claim)].get(extract.extract_id, []) if claim else []
        for chart in charts:
            told = zip(claim.values(), chart, strict=True)
            if any(is_in is not None and is_in != said for said, is_in in told):
                messages[extract.extract_id] = (
                    f"{extract.uri}: its name says {'/'.join(claim.values())}, its content is of "
                    f"{'/'.join(map(str, chart))}. Fetch it again; nothing of it has landed."
                )
                break
    return messages


def _charts(
    con: duckdb.DuckDBPyConnection, columns: tuple[str, ...]
) -> dict[str, list[tuple[str | None, ...]]]:
    """The charts of chart_entries by these columns, in their order, by extract id."""
    listed = ", ".join(columns)
    rows = con.execute(
        f"select distinct {extract_of('line_number')}, {listed} from chart_entries order by all"
    ).fetchall()
    charts: dict[str, list[tuple[str | None, ...]]] = {}
    for extract_id, *chart in rows:
        charts.setdefault(extract_id, []).append(tuple(chart))
    return charts
