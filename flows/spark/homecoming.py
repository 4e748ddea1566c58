"""Bring what Spark has built home to the warehouse, where gates and publication find it as ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import duckdb

from flows.lake.handover import Lake
from flows.spark.tables import built_rows
from flows.sql import name_in_sql, text_in_sql


def bring_home(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    manifest: Path,
    schema: Literal["intermediate", "marts"],
) -> None:
    """Copy the marts into the warehouse with their comments, or show the intermediate tables.

    ``manifest`` is dbt's, of the build: it says which models are tables, and what they mean. All
    or nothing; the lake is only read.
    """
    models = [
        node
        for node in json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"]["schema"] == schema
        and node["config"]["materialized"] in _TABLES
    ]
    con.begin()
    try:
        con.execute(f"create schema if not exists {schema}")
        for model in models:
            _drop(con, schema, model["alias"])
            rows = built_rows(con, lake, schema, model["alias"])
            if schema == "marts":
                _bring_mart(con, model, rows)
                _comment(con, model)
            elif rows:
                con.execute(f"create view {schema}.{model['alias']} as {rows}")
        con.commit()
    except BaseException:
        con.rollback()
        raise


_TABLES = ("table", "standing")


def _drop(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> None:
    """Remove what stands under a name: a table where DuckDB built last, a view where Spark did."""
    row = con.execute(
        "select table_type from information_schema.tables where table_catalog = current_database() "
        "and table_schema = ? and table_name = ?",
        [schema, name],
    ).fetchone()
    if row:
        con.execute(f"drop {'view' if row[0] == 'VIEW' else 'table'} {schema}.{name}")


def _bring_mart(con: duckdb.DuckDBPyConnection, model: Mapping[str, Any], rows: str | None) -> None:
    """As its contract says: files in partitions have another order, and none where no row is."""
    columns = ", ".join(
        f"{name_in_sql(column['name'])} {column['data_type']}"
        for column in model["columns"].values()
    )
    con.execute(f"create table marts.{model['alias']} ({columns})")
    if rows:
        con.execute(f"insert into marts.{model['alias']} by name {rows}")


def _comment(con: duckdb.DuckDBPyConnection, model: Mapping[str, Any]) -> None:
    mart = f"marts.{model['alias']}"
    con.execute(f"comment on table {mart} is {text_in_sql(model['description'])}")
    for column in model["columns"].values():
        con.execute(
            f"comment on column {mart}.{column['name']} is {text_in_sql(column['description'])}"
        )
