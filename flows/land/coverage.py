"""Find the holes in what a source has delivered: stretches of time that its own history expects.

An hour is judged by the same hour of the four weeks before it, so that nights, weekends and one
busy weekday a week are no holes. A guess: a holiday may look like one, and is said to be none by
the source's ``quiet_days``.
"""

from __future__ import annotations

import duckdb

from flows.land.judging import extract_of
from flows.sources import Sources

FEWEST_USERS = 20
"""So many users, counted by the hour, must be expected of a stretch before their absence shows."""

DAYS_WORTH = 0.5
"""A hole lacks at least so much of what the day before brought."""

LEFT = 0.05
"""Of a hole's usual users so many may be there: some clocks are wrong, some phones deliver late."""

ALIVE = 0.2
"""After a hole the source brings at least so much of what it did before: else it has ended."""


def record_hours(con: duckdb.DuckDBPyConnection) -> None:
    """Write raw.extract_hours: one row per extract and UTC hour of the good rows in judged."""
    con.execute(
        f"""
        insert into raw.extract_hours by name
        select
            {extract_of("line_number")} as extract_id,
            date_trunc('hour', event_time) as hour,
            approx_count_distinct(user_id) as users,
        from judged
        where reason is null
        group by all
        """
    )


def find_holes(con: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    """Replace raw.missing_spans by the holes of every event source: naive UTC, whole hours.

    Only extracts that count are asked. What landed before hours were recorded hides everything up
    to its last event: nothing is known of it.
    """
    con.begin()
    try:
        con.execute("delete from raw.missing_spans")
        con.execute(
            f"insert into raw.missing_spans by name {_HOLES}",
            {
                "zone": sources.timezone,
                "quiet": [
                    f"{source.name} {day}" for source in sources.events for day in source.quiet_days
                ],
            },
        )
        con.commit()
    except duckdb.Error:
        con.rollback()
        raise


_HOLES = f"""
    with

    visible as (
        select extracts.extract_id, source, reaches, max_event_time
        from raw.extracts as extracts
        inner join raw.event_sources using (source)
        where status = 'landed' and kind = 'events' and rows_seen > 0
    ),

    counted as (
        select source, hour, sum(users) as users
        from raw.extract_hours
        inner join visible using (extract_id)
        group by all
    ),

    unknown as (
        select source, max(max_event_time) as until
        from visible
        anti join raw.extract_hours using (extract_id)
        group by source
    ),

    spans as (
        select
            counted.source,
            greatest(min(hour), coalesce(any_value(unknown.until), min(hour))) as first_hour,
            (
                select date_trunc('hour', max(reaches)) from visible
                where visible.source = counted.source
            ) as last_hour,
        from counted
        left join unknown using (source)
        group by counted.source
    ),

    grid as (
        select
            source,
            unnest(generate_series(date_trunc('hour', first_hour), last_hour, interval 1 hour))
                as hour,
        from spans
    ),

    quiet as (
        select
            split_part(said, ' ', 1) as source,
            split_part(said, ' ', 2)::date as day,
        from (select unnest($quiet::varchar[]) as said)
    ),

    hours as (
        select
            grid.source,
            grid.hour,
            coalesce(counted.users, 0) as users,
            quiet.day is not null as is_quiet,
            (epoch(grid.hour) // 3600) % 168 as hour_of_week,
        from grid
        left join counted using (source, hour)
        left join quiet
            on
                quiet.source = grid.source
                and quiet.day = (grid.hour at time zone 'UTC' at time zone $zone)::date
    ),

    -- the median: a week that lacks is outvoted by the three others
    expecting as (
        select
            *,
            list_median([
                lag(users, 168) over history, lag(users, 336) over history,
                lag(users, 504) over history, lag(users, 672) over history
            ]) as expected,
            avg(users) over (partition by source, hour_of_week)
            >= 0.1 * avg(users) over (partition by source) as is_busy,
        from hours
        window history as (partition by source order by hour)
    ),

    marked as (
        select
            *,
            not is_quiet and (users = 0 or coalesce(users <= {LEFT} * expected, false)) as is_thin,
        from expecting
    ),

    runs as (
        select
            *,
            row_number() over (partition by source order by hour)
            - row_number() over (partition by source, is_thin order by hour) as run,
        from marked
    ),

    -- the quiet hours at both ends of a run are not missing; its first week says how much is
    stretches as (
        select
            source,
            min(hour) filter (is_busy) as starts_at,
            max(hour) filter (is_busy) + interval 1 hour as ends_at,
            sum(expected) filter (hour < run_began + interval 168 hour) as users_expected,
        from (
            select *, min(hour) over (partition by source, run) as run_began
            from runs
            where is_thin
        )
        group by source, run
        having count(*) filter (is_busy) > 0
    ),

    suspects as (
        from stretches
        where users_expected >= {FEWEST_USERS}
    ),

    around as (
        select
            suspects.source,
            suspects.starts_at,
            suspects.ends_at,
            suspects.users_expected,
            sum(hours.users) filter (hours.hour < suspects.starts_at) / 7 as users_a_day_before,
            sum(hours.users) filter (hours.hour >= suspects.ends_at) as users_after,
            -- a single user in the first hour after it is no sign of life
            greatest(count(*) filter (hours.hour >= suspects.ends_at) / 24, 0.25) as days_after,
        from suspects
        inner join hours
            on
                suspects.source = hours.source
                and hours.hour >= suspects.starts_at - interval 168 hour
                and hours.hour < suspects.ends_at + interval 168 hour
                and not (hours.hour >= suspects.starts_at and hours.hour < suspects.ends_at)
        group by all
    ),

    final as (
        select
            source,
            starts_at,
            ends_at,
            users_expected::bigint as users_expected,
        from around
        where
            users_expected >= {DAYS_WORTH} * users_a_day_before
            and users_after >= {ALIVE} * users_a_day_before * days_after
            and users_after > 0
    )

    select * from final
"""
