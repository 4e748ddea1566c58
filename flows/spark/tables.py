"""Say where DuckDB finds the tables that Spark has built in the lake, and how it reads them."""

from __future__ import annotations

import duckdb

from flows.lake.handover import Lake
from flows.sql import text_in_sql

PARTITIONS = {"app_id": "varchar", "activity_date": "date"}
"""The columns in which tables are partitioned (dbt_project.yml), which only folders' names tell."""


def built_rows(con: duckdb.DuckDBPyConnection, lake: Lake, schema: str, table: str) -> str | None:
    """SQL for the rows of a table; None where it has no file: partitioned, and without a row."""
    files = text_in_sql(f"{lake.root}/build/{schema}/{table}/**/*.parquet")
    first = con.execute(f"select file from glob({files}) limit 1").fetchone()
    if first is None:
        return None
    types = {column: kind for column, kind in PARTITIONS.items() if f"/{column}=" in first[0]}
    folders = f", hive_partitioning = true, hive_types = {types}" if types else ""
    return f"from read_parquet({files}{folders})"
