"""Hand a lake to an engine that reads its files: nothing but what is committed, and the control."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from flows.lake.location import Lake, lake_of
from flows.lake.upkeep import sweep
from flows.sql import text_in_sql

__all__ = ["Lake", "export_control", "ready_for_readers"]

CONTROL = (
    "raw.extracts",
    "raw.missing_spans",
    "raw.user_aliases",
    "raw.chart_snapshots",
    "raw.chart_ranks",
    "raw.store_installs",
    "raw.app_reviews",
    "raw.apps",
    "raw.app_store_ids",
    "raw.event_sources",
    "raw.launch_notes",
    "raw.pruned_user_days",
    "raw.pruned_extract_days",
    "ops.builds",
    "ops.built_extracts",
    "ops.disturbed_events",
)
"""What dbt reads of the warehouse as sources, beside the events."""

OUTLOOK = (
    "outlook.forecast_backtest",
    "outlook.forecasts",
    "outlook.forecast_curves",
    "outlook.verdicts",
    "outlook.rank_decays",
)
"""What is fitted to the counts before the marts are built, which read it as sources."""

_AS_TEXT = ("UUID", "JSON")
"""Types that Spark does not read from Parquet."""

_COMPOSED = {"raw.app_reviews": ("title", "body")}
"""Texts that models look words up in: Spark's SQL cannot compose an "u" and two dots into "ü". They
are given composed here, on which dbt's macro ``composed`` relies."""


def ready_for_readers(con: duckdb.DuckDBPyConnection) -> Lake | None:
    """Sweep the lake, so that a listing of its events shows the committed files and no others.

    None where the events lie in the warehouse. Not to be called in a transaction; the caller holds
    the writer lock.
    """
    lake = lake_of(con)
    if lake:
        sweep(con)
    return lake


def export_control(con: duckdb.DuckDBPyConnection, lake: Lake, version: str) -> str:
    """Write the tables that dbt reads beside the events into the lake, a Parquet file each.

    They go to control/VERSION/SCHEMA.TABLE.parquet; the folders of other versions are removed.
    UUIDs and JSON are text. Returns the folder.
    """
    folder = f"{lake.root}/control/{version}"
    store = lake.store()
    store.make_folder(f"control/{version}")
    write_tables(con, folder, (*CONTROL, *OUTLOOK))
    store.remove(
        [path for path in store.files("control") if not path.startswith(f"control/{version}/")]
    )
    return folder


def write_tables(con: duckdb.DuckDBPyConnection, folder: str, tables: Sequence[str]) -> None:
    """Write tables of the warehouse into a folder of the lake, over what is there."""
    for table in tables:
        columns = con.execute(f"describe {table}").fetchall()
        listed = ", ".join(_given(table, name, kind) for name, kind, *_ in columns)
        con.execute(
            f"copy (select {listed} from {table}) to {text_in_sql(f'{folder}/{table}.parquet')} "
            "(format parquet, compression zstd)"
        )


def _given(table: str, column: str, kind: str) -> str:
    """SQL for a column as other engines read it."""
    if kind in _AS_TEXT:
        return f"{column}::varchar as {column}"
    if column in _COMPOSED.get(table, ()):
        return f"nfc_normalize({column}) as {column}"
    return column
