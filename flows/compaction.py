"""Keep raw data small: prune what the marts need no more, merge a lake's files, rewrite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from flows import builds
from flows.errors import AfterhypeError
from flows.lake import events as raw_events
from flows.lake.upkeep import merge
from flows.settings import Settings
from flows.sources import Sources
from flows.sql import text_in_sql
from flows.warehouse import connect


@dataclass(frozen=True, kw_only=True)
class Compaction:
    """What a compaction came to: rows pruned, files fewer in the lake, the warehouse's bytes."""

    rows_pruned: int
    files_fewer: int
    bytes_before: int
    bytes_after: int


def compact(settings: Settings, sources: Sources, now: datetime) -> Compaction:
    """Prune what ``raw_retention_days`` says, then rewrite the warehouse aside and swap it in.

    Where the events lie in a lake, its small files are merged first.

    No mart changes. DuckDB's files do not shrink by themselves: freed blocks are used again, but
    not given back. The caller holds the writer lock; ``now`` is naive UTC. Raises AfterhypeError
    when the marts do not hold all that has landed, or the disk or DuckDB fails; the warehouse then
    stays as it was.
    """
    path = settings.warehouse_path
    with connect(settings) as con:
        pruned = 0
        if sources.raw_retention_days is not None:
            pruned = prune(con, sources, sources.raw_retention_days, now)
        fewer = merge(con)
        con.execute("force checkpoint")
    before = path.stat().st_size
    aside = path.with_name("warehouse.compacting.duckdb")
    for leftover in (aside, aside.with_name(aside.name + ".wal")):
        leftover.unlink(missing_ok=True)
    try:
        with connect(settings) as con:
            con.execute(f"attach {text_in_sql(aside)} as compacting")
            con.execute("copy from database warehouse to compacting")
            _check_copy(con)
            con.execute("detach compacting")
        aside.replace(path)
    except (duckdb.Error, OSError) as error:
        aside.unlink(missing_ok=True)
        raise AfterhypeError(
            f"{path}: not compacted, it stays as it was: {error}. Compacting needs as much free "
            "disk as the file has."
        ) from error
    return Compaction(
        rows_pruned=pruned,
        files_fewer=fewer,
        bytes_before=before,
        bytes_after=path.stat().st_size,
    )


def prune(con: duckdb.DuckDBPyConnection, sources: Sources, days: int, now: datetime) -> int:
    """Delete raw events of more than ``days`` days before their app's watermark; return how many.

    What the marts need of them is kept: their user-days, the numbers per extract and day, and their
    ids, so that an export that delivers them again is still recognised. Their names are not: days
    that ``raw_retention_days`` allows to go are in no retention by behaviour to begin with. Raises
    AfterhypeError when the marts do not hold all that has landed: then the user-days are not safe
    yet.
    """
    if reason := builds.pending(con, sources):
        raise AfterhypeError(
            f"nothing is pruned: {reason}. Run `afterhype build` first, so that the marts hold "
            "what is to be pruned."
        )
    con.begin()
    try:
        con.execute(
            """
            create or replace temp table cuts as
            select app_id, watermark - $days::integer as last_date
            from intermediate.int_app_watermarks
            where watermark >= first_activity_date
            """,
            {"days": days},
        )
        # by the day, as the models have it: an instant at midnight comes twice where clocks go back
        # over it. Only near the last day is the zone asked, which takes time.
        con.execute(
            """
            create or replace temp table pruned as
            select events.app_id, events.event_id
            from raw.visible_events as events
            inner join cuts
                on
                    events.app_id = cuts.app_id
                    and events.event_time < (cuts.last_date + 2)::timestamp
            where
                events.event_time < cuts.last_date::timestamp
                or ((events.event_time at time zone 'UTC') at time zone $timezone)::date
                    <= cuts.last_date
            """,
            {"timezone": sources.timezone},
        )
        row = con.execute("select count(*) from pruned").fetchone()
        assert row is not None  # an aggregate has one row
        if row[0]:
            _keep_what_the_marts_need(con)
            _delete_pruned(con)
            con.execute(
                "insert into ops.prunings values (?, ?, ?)",
                [now, row[0], builds.user_day_definition(sources)],
            )
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return int(row[0])


def _keep_what_the_marts_need(con: duckdb.DuckDBPyConnection) -> None:
    """Keep what stands of the pruned days, beside what was kept of them before."""
    con.execute("insert into raw.pruned_event_ids from pruned")
    if _shows_raw_user_days(con):
        con.execute(
            """
            insert into raw.pruned_user_days by name
            select days.* exclude (delivered_user_key), days.delivered_user_key as user_key
            from intermediate.int_raw_user_days as days
            inner join cuts on days.app_id = cuts.app_id and days.activity_date <= cuts.last_date
            """
        )
    else:
        _keep_days_of_unmerged_users(con)
    con.execute(
        """
        delete from raw.pruned_extract_days as kept using cuts
        where kept.app_id = cuts.app_id and kept.activity_date <= cuts.last_date
        """
    )
    con.execute(
        """
        insert into raw.pruned_extract_days by name
        select days.* from intermediate.int_extract_days as days
        inner join cuts on days.app_id = cuts.app_id and days.activity_date <= cuts.last_date
        """
    )


def _shows_raw_user_days(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether DuckDB has built: of what Spark builds the warehouse shows the tables only."""
    row = con.execute(
        "select 1 from duckdb_views() "
        "where schema_name = 'intermediate' and view_name = 'int_raw_user_days'"
    ).fetchone()
    return row is not None


def _keep_days_of_unmerged_users(con: duckdb.DuckDBPyConnection) -> None:
    """Write what stands of the pruned days over what was kept of them before.

    Those of a user who is several delivered ones could not be given back to each of them. Raises
    AfterhypeError where there is one.
    """
    if con.execute(
        "select 1 from raw.user_aliases semi join cuts using (app_id) limit 1"
    ).fetchone():
        raise AfterhypeError(
            "nothing is pruned: anonymous users have been merged with known ones, and of what "
            "Spark builds it is not known which days were whose. Build once with "
            "AFTERHYPE_BUILD_ON=duckdb before `afterhype compact`, or take raw_retention_days out "
            "of the sources file."
        )
    con.execute(
        """
        delete from raw.pruned_user_days as kept using cuts
        where kept.app_id = cuts.app_id and kept.activity_date <= cuts.last_date
        """
    )
    con.execute(
        """
        insert into raw.pruned_user_days by name
        select
            days.* exclude (segment_key),
            segments.platform, segments.country, segments.channel, segments.app_version,
        from intermediate.int_user_days as days
        inner join cuts on days.app_id = cuts.app_id and days.activity_date <= cuts.last_date
        left join intermediate.int_segments as segments using (segment_key)
        """
    )


def _delete_pruned(con: duckdb.DuckDBPyConnection) -> None:
    """Delete the events that are kept by id now, and what other extracts delivered of the same."""
    raw_events.delete(
        con,
        """
        (events.app_id, events.event_id) in (from pruned)
        and events.extract_id in (select extract_id from raw.extracts where status = 'landed')
        """,
        within="exists (from cuts where files.app_id = cuts.app_id "
        "and files.event_date <= cuts.last_date + 1)",
    )
    con.execute(
        """
        delete from raw.app_event_duplicates as twins using pruned
        where twins.app_id = pruned.app_id and twins.event_id = pruned.event_id
        """
    )


def _check_copy(con: duckdb.DuckDBPyConnection) -> None:
    tables = con.execute(
        "select schema_name || '.\"' || table_name || '\"' from duckdb_tables() "
        "where database_name = 'warehouse' and not temporary"
    ).fetchall()
    for (table,) in tables:
        counts = con.execute(
            f"select (select count(*) from warehouse.{table}), "
            f"(select count(*) from compacting.{table})"
        ).fetchone()
        if counts is None or counts[0] != counts[1]:
            raise AfterhypeError(f"{table}: the copy does not hold the same rows: {counts}")
