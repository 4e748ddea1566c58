"""Keep the wrong clocks of a few devices from deciding where an app's history begins and ends.

An event has the time that its device gave it; that clock may be wrong by hours or by decades.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb

from flows.extract.unpack import PART_BITS
from flows.formats.reading import part_of
from flows.land.judging import extract_of

FEWEST_USERS = 3
"""With fewer users in an extract nobody can say whose clock is wrong."""

STRAY_SHARE = 0.001
"""The share of an extract's users who may lie before its history; it is one user at least."""

HOLE = timedelta(days=365)
"""How long nobody is seen between clocks that were never set and an app's history."""

FAST_SHARE = 0.01
"""The share of a day's users whose clocks may be fast; it is one user at least."""

MOST_FAST_USERS = 1_000

DENSE_USERS = 5
"""Of an app with so many users on most days, a day on which one is seen alone has not come yet."""

FAST_BY = timedelta(hours=24)
"""By how much a clock may be fast where an app has fewer users: most fast clocks are by hours."""


def count_user_days(con: duckdb.DuckDBPyConnection) -> None:
    """Write the temporary table user_days: one row per extract, user and UTC day in judged.

    Rows without a user show as well how far an export reaches: each counts as one.
    """
    # by the number of the part and a hash at first: names would take twice as long
    con.execute(
        f"""
        create or replace temp table user_days as
        select {extract_of(f"(part << {PART_BITS})")} as extract_id, user, day, last_time
        from (
            select
                {part_of("line_number")} as part,
                hash(user_id) as user,
                event_time::date as day,
                max(event_time) as last_time,
            from judged
            where reason is null
            group by all
            union all
            select {part_of("line_number")}, hash(line_number), time_without_user::date,
                time_without_user,
            from judged
            where time_without_user is not null
        )
        """
    )


def reject_before_history(con: duckdb.DuckDBPyConnection, earliest_event: date | None) -> None:
    """Reject the events of the table judged that lie before the app's history.

    That begins on ``earliest_event`` (UTC), where the source says so. Otherwise it begins after a
    year and more in which no event of the extract lies, if next to nobody is seen before. Reads
    the table user_days.
    """
    if earliest_event:
        con.execute(
            """
            update judged set reason = 'event time before earliest_event: ' || event_time
            where reason is null and event_time < $earliest_event
            """,
            {"earliest_event": datetime.combine(earliest_event, datetime.min.time())},
        )
        return
    begins = con.execute(
        f"""
        with

        days as (
            select distinct extract_id, day from user_days
        ),

        after_holes as (
            select extract_id, day
            from days
            qualify day - lag(day) over (partition by extract_id order by day) >= $hole_days
        ),

        histories as (
            select extract_id, max(day) as first_day from after_holes group by extract_id
        )

        select extract_id, first_day
        from user_days
        inner join histories using (extract_id)
        group by extract_id, first_day
        having
            count(distinct user) >= {FEWEST_USERS}
            and count(distinct user) filter (day < first_day)
            <= greatest(1, {STRAY_SHARE} * count(distinct user))
        """,
        {"hole_days": HOLE.days},
    ).fetchall()
    for extract_id, first_day in begins:
        con.execute(
            f"""
            update judged
            set reason = 'event time over a year before all others of its extract: ' || event_time
                || '. Where it is right, set earliest_event for the source'
            where
                reason is null
                and event_time < $first_day
                and {extract_of("line_number")} = $extract_id
            """,
            {"extract_id": extract_id, "first_day": first_day},
        )


def reach(con: duckdb.DuckDBPyConnection, now: datetime) -> dict[str, datetime]:
    """How far each extract in the table user_days reaches, by its id: the moment, in naive UTC.

    After it no users but a few are seen, whose clocks may be fast: how many, depends on how many
    are seen on a day. It is not after ``now``, when the extract lands: nobody delivers what has not
    happened yet.
    """
    found = con.execute(
        f"""
        with

        last_days as (
            select extract_id, count(distinct user) as users
            from user_days
            group by extract_id, day
            qualify row_number() over (partition by extract_id order by day desc) <= 14
        ),

        usual as (
            select extract_id, median(users) as users from last_days group by extract_id
        ),

        last_times as (
            select extract_id, user, max(last_time) as last_time from user_days group by all
        ),

        latest as (
            select extract_id, count(*) as users, max(last_time, {MOST_FAST_USERS}) as times
            from last_times
            group by extract_id
        ),

        without_fast_clocks as (
            select
                latest.extract_id,
                latest.users,
                latest.times[1] as latest_time,
                usual.users >= {DENSE_USERS} as is_dense,
                latest.times[
                    1 + greatest(1, floor({FAST_SHARE} * usual.users))::bigint
                ] as time_of_the_others,
            from latest
            inner join usual using (extract_id)
        )

        select
            extract_id,
            least($now, case
                when users < {FEWEST_USERS} then latest_time
                when is_dense then coalesce(time_of_the_others, latest_time)
                else greatest(time_of_the_others, latest_time - $fast_by::interval)
            end) as reaches,
        from without_fast_clocks
        """,
        {"now": now, "fast_by": FAST_BY},
    ).fetchall()
    return dict(found)
