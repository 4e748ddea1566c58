"""Insert and delete raw events, wherever they lie: in the warehouse's table, or in a lake."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import duckdb

from flows.errors import AfterhypeError
from flows.lake.location import EVENTS, Lake, lake_of, listed_in_sql

COLUMNS = {
    "app_id": "varchar",
    "event_id": "uuid",
    "user_key": "uuid",
    "event_name": "varchar",
    "event_time": "timestamp",
    "platform": "varchar",
    "country": "varchar",
    "app_version": "varchar",
    "channel": "varchar",
    "properties": "json",
    "extract_id": "varchar",
    "landed_at": "timestamp",
}
"""The columns of raw.app_events, in the order of the raw contract."""

_PARTITIONS = "app_id, event_time::date as event_date"
"""What a file's folders tell of its events: the app, and the date in UTC."""


def insert(
    con: duckdb.DuckDBPyConnection, events: str, given: Mapping[str, Any] | None = None
) -> None:
    """Insert what a query of events gives, by its columns' names.

    To be called in a transaction: what is written to a lake counts with its commit, not before.
    """
    lake = lake_of(con)
    if lake is None:
        con.execute(f"insert into raw.app_events by name {events}", given)
        return
    _replace(con, lake, [], write(con, lake, events, given))


def delete(
    con: duckdb.DuckDBPyConnection,
    doomed: str,
    within: str,
    given: Mapping[str, Any] | None = None,
) -> None:
    """Delete the events for which ``doomed`` holds, which is SQL over ``events``.

    ``within``, SQL over ops.lake_files as ``files``, narrows the files of a lake in which there can
    be any. Those that hold some are written anew without them. To be called in a transaction.
    """
    lake = lake_of(con)
    if lake is None:
        con.execute(f"delete from raw.app_events as events where {doomed}", given)
        return
    narrowed = con.execute(
        f"select path from ops.lake_files as files where {within}", _used(within, given)
    ).fetchall()
    candidates = [path for (path,) in narrowed]
    if not candidates:
        return
    found = _executed(
        con,
        lake,
        f"select distinct filename from ({typed(lake, candidates, 'filename')}) as events "
        f"where {doomed}",
        given,
    )
    touched = [_below_root(lake, name) for (name,) in found]
    if not touched:
        return
    kept = f"select * from ({typed(lake, touched)}) as events where not coalesce({doomed}, false)"
    _replace(con, lake, touched, write(con, lake, kept, given))


def rewrite(con: duckdb.DuckDBPyConnection, lake: Lake, paths: Collection[str]) -> None:
    """Write the events of some files anew, a file per app and date; in a transaction."""
    _replace(con, lake, paths, write(con, lake, typed(lake, paths)))


def write(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    events: str,
    given: Mapping[str, Any] | None = None,
) -> dict[str, int]:
    """Write what a query of events gives to new files of a lake: their paths and bytes.

    Nobody looks at them until ``register`` and ``show`` are committed. UUIDs and JSON are written
    as text: Spark reads no Parquet that has the logical type UUID.
    """
    stored = ", ".join(
        f"{column}::varchar as {column}" if kind in ("uuid", "json") else column
        for column, kind in COLUMNS.items()
        if column != "app_id"
    )
    if not lake.is_remote:
        lake.store()  # makes the folder
    written = _executed(
        con,
        lake,
        f"copy (select {_PARTITIONS}, {stored} from ({events})) to '{_quoted(lake.events)}' "
        "(format parquet, compression zstd, partition_by (app_id, event_date), "
        "filename_pattern '{uuid}', append, return_stats)",
        given,
    )
    paths = {_below_root(lake, name): size for name, _, size, *_ in written}
    if paths:
        lake.store().make_durable(paths)
    return paths


def register(con: duckdb.DuckDBPyConnection, lake: Lake, written: Mapping[str, int]) -> None:
    """Note what the new files of a lake hold."""
    if not written:
        return
    con.execute(
        f"""
        insert into ops.lake_files by name
        select
            written.path,
            told.app_id,
            told.event_date,
            told.rows,
            written.bytes,
            told.extract_ids,
            told.landed_at,
        from (select unnest($paths) as path, unnest($sizes) as bytes) as written
        inner join (
            select
                filename, app_id, event_date, count(*) as rows,
                list(distinct extract_id order by extract_id) as extract_ids,
                max(landed_at) as landed_at,
            from {_read(listed_in_sql(lake, written), "filename")}
            group by all
        ) as told on $root || '/' || written.path = told.filename
        """,
        {"paths": list(written), "sizes": list(written.values()), "root": lake.root},
    )


def show(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Make raw.app_events the view of exactly the files that are in ops.lake_files."""
    rows = con.execute(
        "select path from ops.lake_files order by app_id, event_date, path"
    ).fetchall()
    con.execute(
        f"create or replace view raw.app_events as {typed(lake, [path for (path,) in rows])}"
    )


def typed(lake: Lake, paths: Collection[str], *more: str) -> str:
    """A query of the events in files of a lake, in the raw contract's types and order."""
    if not paths:
        columns = ", ".join(f"null::{kind} as {column}" for column, kind in COLUMNS.items())
        return f"select {columns} where false"
    columns = ", ".join(
        f"{column}::{kind} as {column}" if kind in ("uuid", "json") else column
        for column, kind in COLUMNS.items()
    )
    listed = ", ".join((columns, *more))
    return f"select {listed} from {_read(listed_in_sql(lake, paths), *more)}"


def _read(listed: str, *more: str) -> str:
    options = "".join(f", {name} = true" for name in more)
    return (
        f"read_parquet({listed}, hive_partitioning = true, "
        f"hive_types = {{'app_id': varchar, 'event_date': date}}{options})"
    )


def _replace(
    con: duckdb.DuckDBPyConnection, lake: Lake, gone: Collection[str], written: Mapping[str, int]
) -> None:
    if not gone and not written:
        return
    con.execute("delete from ops.lake_files where path in (select unnest(?))", [list(gone)])
    register(con, lake, written)
    show(con, lake)


def _below_root(lake: Lake, name: str) -> str:
    path = name.removeprefix(f"{lake.root}/")
    assert path.startswith(f"{EVENTS}/"), name
    return path


def _quoted(path: str) -> str:
    return path.replace("'", "''")


def _used(sql: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of the parameters those that occur: DuckDB takes no others."""
    return {name: value for name, value in (given or {}).items() if f"${name}" in sql}


def _executed(
    con: duckdb.DuckDBPyConnection, lake: Lake, sql: str, given: Mapping[str, Any] | None
) -> list[tuple[Any, ...]]:
    try:
        return con.execute(sql, _used(sql, given)).fetchall()
    except duckdb.IOException as error:
        told = str(error).strip().splitlines()[0]
        raise AfterhypeError(f"{lake.root}: the lake cannot be read or written: {told}") from error
