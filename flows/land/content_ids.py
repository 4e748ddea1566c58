"""Name events that their vendor gives no id, by what no later export of them changes."""

from __future__ import annotations

import duckdb

from flows.land.judging import extract_of
from flows.sources import EventSource

_NAMED = "cast(md5({content} || chr(31) || occurrence) as uuid)"


def name_events(con: duckdb.DuckDBPyConnection) -> None:
    """Give the rows of the table judged that have no event id one, made of their content.

    It is the device (or the user), the name and the time, plus which of the rows equal in these it
    is in its extract: two such rows of one file are two events, and the same ones when an
    overlapping export delivers them again, whatever it has filled in since. Rows with the same
    ``content_order`` are one event. Where the source's extracts never overlap, equal rows of two of
    them are two events as well. Notes the occurrence in the table nameless.
    """
    con.execute("drop table if exists nameless")
    lacks_ids = "reason is null and event_id is null"
    # the window costs a sort, so only where it is needed
    if con.execute(f"select 1 from judged where {lacks_ids} limit 1").fetchone() is None:
        return
    con.execute(
        f"""
        create temp table nameless as
        select
            line_number,
            content,
            former_content,
            dense_rank() over (
                partition by content, {extract_of("line_number")}
                order by content_order, if(content_order is null, line_number, null)
            ) as occurrence,
        from judged
        where {lacks_ids}
        """
    )
    con.execute(
        f"""
        update judged set event_id = {_NAMED.format(content="nameless.content")}
        from nameless
        where judged.line_number = nameless.line_number
        """
    )


def recognise_former_ones(con: duckdb.DuckDBPyConnection, source: EventSource) -> None:
    """Give events without an id that landed under a former one, made of all columns, that id.

    Of the source's events of one user, name and time the first is the first of those that landed
    so, and so on. Costs nothing in a warehouse that has no such extracts. Needs the tables judged,
    users and nameless of a landing.
    """
    if not _table_exists(con, "nameless"):
        return
    _recognise_pruned(con, source)
    con.execute(
        """
        set variable first_event = (
            select min(event_time) from judged semi join nameless using (line_number)
        )
        """
    )
    con.execute(
        """
        set variable last_event = (
            select max(event_time) from judged semi join nameless using (line_number)
        )
        """
    )
    former = """
        select events.event_id, events.user_key, events.event_name, events.event_time
        from raw.app_events as events
        semi join (
            select extract_id
            from raw.extracts
            where
                source = $source
                and status = 'landed'
                and extract_id in (from ops.former_content_ids)
        ) as extracts on events.extract_id = extracts.extract_id
        where
            events.app_id = $app_id
            and events.event_time
                between getvariable('first_event') and getvariable('last_event')
    """
    given = {"source": source.name, "app_id": source.app_id}
    if not source.extracts_overlap or (con.execute(f"{former} limit 1", given).fetchone() is None):
        return
    con.execute(
        f"""
        update judged set event_id = known.event_id
        from (
            with

            told as (
                select
                    judged.line_number, judged.event_id, user_key, event_name, event_time,
                    dense_rank() over (
                        partition by user_key, event_name, event_time,
                            {extract_of("judged.line_number")}
                        order by occurrence, judged.event_id
                    ) as place,
                from judged
                inner join nameless using (line_number)
                inner join users using (user_id)
            ),

            landed as (
                select *, row_number() over (
                    partition by user_key, event_name, event_time order by event_id
                ) as place
                from ({former})
                -- those whose id is the one of today are recognised by it
                where event_id not in (select event_id from told)
            )

            select told.line_number, landed.event_id
            from told
            inner join landed using (user_key, event_name, event_time, place)
            where told.event_id not in (select event_id from raw.app_events where app_id = $app_id)
        ) as known
        where judged.line_number = known.line_number
        """,
        given,
    )


def count_contradictions(con: duckdb.DuckDBPyConnection, source: EventSource) -> dict[str, int]:
    """How many repeats without an id hold something else than the event that is kept of them.

    By extract id. What is filled in where there was nothing is no contradiction. Two events that
    one user made at one time, delivered by two extracts, show by it: where times are days, say.
    Needs the tables judged, repeats and nameless of a landing.
    """
    if not _table_exists(con, "nameless"):
        return {}
    columns = ("platform", "country", "app_version", "channel")
    differ = " or ".join(f"lower(repeated.{c}) <> lower(kept.{c})" for c in columns)
    return dict(
        con.execute(
            f"""
            with

            repeated as (
                select * from judged semi join repeats using (line_number)
                where line_number in (select line_number from nameless)
            ),

            kept as (
                select event_id, event_time, {", ".join(columns)}, properties
                from raw.app_events
                semi join repeated using (event_id)
                where app_id = $app_id
            )

            select {extract_of("repeated.line_number")}, count(distinct line_number)
            from repeated
            inner join kept using (event_id, event_time)
            where
                {differ}
                or (
                    repeated.properties <> kept.properties
                    and not json_contains(repeated.properties, kept.properties)
                    and not json_contains(kept.properties, repeated.properties)
                )
            group by 1
            """,
            {"app_id": source.app_id},
        ).fetchall()
    )


def _recognise_pruned(con: duckdb.DuckDBPyConnection, source: EventSource) -> None:
    """Of pruned events nothing but the id is known: it is one of all columns, as they were."""
    con.execute(
        f"""
        update judged set event_id = former.event_id
        from (
            select line_number, {_NAMED.format(content="former_content")} as event_id
            from (
                select
                    line_number,
                    former_content,
                    row_number() over (
                        partition by former_content, {extract_of("line_number")}
                        order by line_number
                    ) as occurrence,
                from nameless
                where former_content is not null
            )
            semi join (
                select event_id from raw.pruned_event_ids where app_id = $app_id
            ) as pruned on {_NAMED.format(content="former_content")} = pruned.event_id
        ) as former
        where judged.line_number = former.line_number
        """,
        {"app_id": source.app_id},
    )


def _table_exists(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    return bool(
        con.execute(
            "select 1 from duckdb_tables() where table_name = ? and temporary", [name]
        ).fetchone()
    )
