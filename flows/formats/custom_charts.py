"""Chart captures of any shape, by a mapping in SQL from the sources file."""

from __future__ import annotations

from pathlib import Path

import duckdb

from flows.errors import ExtractError
from flows.extract.unpack import Part
from flows.formats.chart_documents import ENTRIES
from flows.formats.mapping import mapping_in_sql
from flows.formats.reading import open_parts
from flows.sources import CHART_COLUMNS, ChartFiles

_TYPES = {
    "rank": "try_cast({} as integer)",
    "snapshot_at": "try_cast({} as timestamptz) at time zone 'UTC'",
    "feed_updated_at": "try_cast({} as timestamptz) at time zone 'UTC'",
    "store": "lower({})",
    "storefront": "lower({})",
}


def read_custom(con: duckdb.DuckDBPyConnection, path: Path, source: ChartFiles) -> None:
    """Read a capture into chart_entries by the source's reader and columns.

    One file may hold many charts. With ``reader: {type: json}`` the keys of each record are
    columns, and ``document`` is the whole document. Raises ExtractError naming file and column.
    """
    assert source.reader is not None  # format: custom has one, sources.py sees to it
    mapping = mapping_in_sql(source)
    part = Part(number=0, location=str(path), name=str(path))
    rows = open_parts(con, [part], source.reader, mapping.needed, mapping.required).rows
    mapped = ", ".join(
        f"{_TYPES.get(column, '{}').format(_tried(mapping.expressions, column))} as {column}"
        for column in CHART_COLUMNS
    )
    con.execute(ENTRIES)
    try:
        con.execute(
            f"insert into chart_entries by name select line_number, {mapped} from {rows} as records"
        )
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise ExtractError(f"{path}: {source.name}: columns: {reason}") from error


def _tried(mapping: dict[str, str], column: str) -> str:
    default = "'all'" if column == "genre" else "null"
    return f"try(cast({mapping.get(column, default)} as varchar))"
