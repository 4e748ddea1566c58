"""Chart captures of any shape, by a mapping in SQL from the sources file."""

from __future__ import annotations

from pathlib import Path

import duckdb

from flows.errors import ExtractError
from flows.formats.chart_documents import ENTRIES, load_payload
from flows.formats.reading import ROWS, mapping_in_sql, open_extract
from flows.sources import CHART_COLUMNS, ChartFiles
from flows.sql import name_in_sql

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
    mapping, needed = mapping_in_sql(source)
    rows = ROWS
    if source.reader.type == "json":
        _open_document(con, path, source.reader.records or "$", needed)
    else:
        rows = open_extract(con, path, source.reader, needed).rows
    mapped = ", ".join(
        f"{_TYPES.get(column, '{}').format(_tried(mapping, column))} as {column}"
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


def _open_document(
    con: duckdb.DuckDBPyConnection, path: Path, records: str, needed: set[str]
) -> None:
    load_payload(con, path)
    fields = sorted(needed - {"document"})
    columns = "".join(
        f", json_extract_string(record, $path_{n}) as {name_in_sql(field)}"
        for n, field in enumerate(fields)
    )
    paths = {f"path_{n}": '$."' + field + '"' for n, field in enumerate(fields)}
    con.execute(
        f"""
        create or replace temp table {ROWS} as
        select row_number() over () as line_number, document{columns}
        from (
            select
                document,
                unnest(from_json(json_extract(document, $records), '["json"]')) as record,
            from payload
        )
        """,
        paths | {"records": records},
    )
    found = con.execute(f"select count(*) from {ROWS}").fetchone()
    if not found or not found[0]:
        raise ExtractError(
            f"{path}: no records at {records}. Correct reader.records in the sources file."
        )
