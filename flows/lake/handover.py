"""TEMPORARY stand-in of the branch lake."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Lake:
    root: str


def ready_for_readers(con: duckdb.DuckDBPyConnection) -> Lake | None:
    home = Path(
        con.execute(
            "select path from duckdb_databases() where database_name=current_database()"
        ).fetchone()[0]
    ).parent
    root = home / "lake"
    shutil.rmtree(root / "app_events", ignore_errors=True)
    root.mkdir(exist_ok=True)
    con.execute(
        f"copy (select * replace (event_id::varchar as event_id, user_key::varchar as user_key, properties::varchar as properties), event_time::date as event_date from raw.app_events) to '{root}/app_events' (format parquet, partition_by (app_id, event_date), filename_pattern '{{uuid}}')"
    )
    return Lake(str(root))


def export_control(con: duckdb.DuckDBPyConnection, lake: Lake, version: str) -> str:
    folder = Path(lake.root) / "control" / version
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    for schema, table in con.execute(
        "select table_schema, table_name from information_schema.tables where table_schema in ('raw','ops') and table_name not in ('app_events','app_event_duplicates','visible_events','visible_event_ids','pruned_event_ids')"
    ).fetchall():
        cols = con.execute(f"describe {schema}.{table}").fetchall()
        rep = ", ".join(f'"{c[0]}"::varchar as "{c[0]}"' for c in cols if c[1] in ("UUID", "JSON"))
        rep = f" replace ({rep})" if rep else ""
        con.execute(
            f"copy (select *{rep} from {schema}.{table}) to '{folder}/{schema}.{table}.parquet' (format parquet)"
        )
    return str(folder)
