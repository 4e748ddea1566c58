"""What must hold of an event extract before anything downstream may see it."""

from __future__ import annotations

from expectations.checks import Check, Suite, critical, warning
from expectations.reject_shares import ROWS_AND_SHARES, reject_shares

IMPROBABLE_SHARE = 0.1
"""What one id may hold of an extract's events, or of the ids merged in it; more is improbable.

Only where there is enough to judge by: FEWEST_USERS users, who have a tenth of this share or less
on average, or FEWEST_MERGED ids merged into the one.
"""

FEWEST_USERS = 100
FEWEST_MERGED = 10

# The range of event times keeps the search for repeated ids to the days that the new extracts
# touch: variables are constants to the planner, so it skips the row groups of all other days.
_TIME_RANGE = (
    """
    set variable gate_first_event = (
        select min(events.event_time)
        from raw.app_events as events semi join new_extracts using (extract_id)
    )
    """,
    """
    set variable gate_last_event = (
        select max(events.event_time)
        from raw.app_events as events semi join new_extracts using (extract_id)
    )
    """,
)

# One pass over the new events; every check then reads one short row per extract.
_PROFILE = f"""
create or replace temp table event_extract_profile as
with

ledger as (
    select * from raw.extracts semi join new_extracts using (extract_id)
    where kind = 'events' and status = 'landed'
),

events as (
    select * from raw.app_events semi join ledger using (extract_id)
),

totals as (
    select
        extract_id,
        count(*) as events,
        count(*) filter (where event_time < timestamp '1990-01-01') as events_before_1990,
        count(*) filter (where event_time = date_trunc('day', event_time)) as events_at_midnight,
        count(*) filter (where trim(event_name) = '') as events_without_name,
    from events
    group by extract_id
),

users as (
    select extract_id, max(events) as events_of_busiest_user, count(*) as users
    from (select extract_id, user_key, count(*) as events from events group by all)
    group by extract_id
),

instants as (
    select
        extract_id,
        max(events) as events_at_commonest_time,
        arg_max(event_time, events) as commonest_time,
    from (select extract_id, event_time, count(*) as events from events group by all)
    group by extract_id
),

merges as (
    select
        extract_id,
        sum(ids) as ids_merged,
        max(ids) as ids_of_most_merged_user,
    from (
        select extract_id, user_key, count(distinct anonymous_key) as ids
        from raw.identity_links semi join ledger using (extract_id)
        group by all
    )
    group by extract_id
),

landed_nearby as (
    select app_id, event_id, extract_id
    from raw.app_events semi join (select * from raw.extracts where status = 'landed')
        using (extract_id)
    where event_time between getvariable('gate_first_event') and getvariable('gate_last_event')
),

repeated_ids as (
    select app_id, event_id
    from landed_nearby semi join (select app_id, event_id from events) using (app_id, event_id)
    group by app_id, event_id
    having count(*) > 1
),

repeated as (
    select extract_id, count(*) as events_repeated
    from events semi join repeated_ids using (app_id, event_id)
    group by extract_id
),

holes as (
    select
        source,
        count(*) as holes,
        sum(ceil(epoch(ends_at - starts_at) / 86400))::bigint as days_missing,
        string_agg(
            strftime(starts_at, '%Y-%m-%d %H:00 to ') || strftime(ends_at, '%Y-%m-%d %H:00 UTC'),
            ', ' order by starts_at
        ) as missing,
    from raw.missing_spans
    group by source
),

earlier as (
    select ledger.extract_id, max(others.max_event_time) as source_reached
    from ledger
    inner join raw.extracts as others
        on others.source = ledger.source and others.status = 'landed'
        and others.extract_id not in (select extract_id from new_extracts)
    group by ledger.extract_id
),

final as (
    select
        ledger.extract_id,
        ledger.source,
        ledger.max_event_time,
        ledger.reaches,
        (
            select any_value(configured.ended) from raw.event_sources as configured
            where configured.source = ledger.source
        ) as ended,
        earlier.source_reached,
        {ROWS_AND_SHARES},
        instants.commonest_time,
        coalesce(totals.events, 0) as events,
        coalesce(totals.events_before_1990, 0) as events_before_1990,
        coalesce(totals.events_at_midnight, 0) as events_at_midnight,
        coalesce(totals.events_without_name, 0) as events_without_name,
        coalesce(users.events_of_busiest_user, 0) as events_of_busiest_user,
        coalesce(users.users, 0) as users,
        coalesce(merges.ids_merged, 0) as ids_merged,
        coalesce(merges.ids_of_most_merged_user, 0) as ids_of_most_merged_user,
        coalesce(ledger.rows_unlike, 0) as rows_unlike,
        coalesce(ledger.rows_zoneless, 0) as rows_zoneless,
        coalesce(instants.events_at_commonest_time, 0) as events_at_commonest_time,
        coalesce(repeated.events_repeated, 0) as events_repeated,
        -- of several new extracts the last one of the source speaks for it
        if(
            row_number() over (
                partition by ledger.source order by ledger.max_event_time desc, ledger.extract_id
            ) = 1,
            holes.days_missing,
            null
        ) as days_missing,
        holes.missing,
    from ledger
    left join totals using (extract_id)
    left join users using (extract_id)
    left join merges using (extract_id)
    left join instants using (extract_id)
    left join repeated using (extract_id)
    left join earlier using (extract_id)
    left join holes on ledger.source = holes.source
    left join raw.reject_shares as shares on ledger.source = shares.source
)

select * from final
"""


def raw_events() -> Suite:
    """One row of the batch is one new event extract: its ledger row and a profile of its events."""
    return Suite(
        name="raw_events",
        stage="raw",
        subject="new event extracts",
        batch="select * from event_extract_profile",
        checks=(*_volume(), *_identity(), *_who(), *_time()),
        prepare=(*_TIME_RANGE, _PROFILE),
    )


def _volume() -> tuple[Check, ...]:
    return (
        *reject_shares(
            "event",
            "What is left may not be like the users: rejects often share a platform or a version.",
        ),
        warning(
            "an extract holds at least one row",
            "A header alone is a quiet hour, or an export that brought nothing.",
            "select extract_id, 1 as unexpected_count, rows_seen from {batch} where rows_seen = 0",
        ),
        critical(
            "an extract holds exactly the events that the ledger says landed",
            "The ledger and the data disagree: a landing was tampered with or is broken.",
            """
            select extract_id, abs(events - rows_landed) as unexpected_count, rows_landed, events
            from {batch} where events <> rows_landed
            """,
        ),
        warning(
            "an extract of duplicates reaches further in time than its source did before",
            "More than 90 % was delivered before and nothing newer came: an old file was sent"
            " again, or the export is stuck.",
            """
            select extract_id, rows_duplicate as unexpected_count, rows_seen, rows_duplicate,
                max_event_time, source_reached
            from {batch}
            where rows_duplicate > 0.9 * rows_seen
                and (max_event_time is null or max_event_time <= source_reached)
            """,
        ),
    )


def _identity() -> tuple[Check, ...]:
    return (
        critical(
            "no event id of an app occurs twice among landed extracts",
            "Repeated events inflate every count. Searched over the days the new extracts touch.",
            """
            select extract_id, events_repeated as unexpected_count, events
            from {batch} where events_repeated > 0
            """,
        ),
        critical(
            "every event has a name",
            "A blank name means that the mapping points at the wrong column.",
            """
            select extract_id, events_without_name as unexpected_count, events
            from {batch} where events_without_name > 0
            """,
        ),
        warning(
            "no user has more than half of an extract's events (of 1000 or more)",
            "Often a default user id, or a bot: many people seen as one, who never churns.",
            """
            select extract_id, events_of_busiest_user as unexpected_count, events
            from {batch} where events >= 1000 and events_of_busiest_user > 0.5 * events
            """,
        ),
    )


def _who() -> tuple[Check, ...]:
    return (
        warning(
            "no user has an improbable share of an extract's events",
            f"One id has more than {IMPROBABLE_SHARE:.0%} of the events of {FEWEST_USERS} users or"
            " more: a word for nobody, or a bot. The source's no_ids.also names such words.",
            f"""
            select extract_id, events_of_busiest_user as unexpected_count, events, users
            from {{batch}}
            where users >= {FEWEST_USERS}
                and events_of_busiest_user > {IMPROBABLE_SHARE} * events
            """,
        ),
        warning(
            "no user has an improbable share of the ids that an extract merges",
            f"{FEWEST_MERGED} ids or more, and over {IMPROBABLE_SHARE:.0%} of all that are merged,"
            " count as one user: a word for nobody, or a device that many use. The source's"
            " no_ids.also names such words.",
            f"""
            select extract_id, ids_of_most_merged_user as unexpected_count, ids_merged
            from {{batch}}
            where ids_of_most_merged_user >= {FEWEST_MERGED}
                and ids_of_most_merged_user > {IMPROBABLE_SHARE} * ids_merged
            """,
        ),
        warning(
            "dropped duplicates are like the event that is kept of them",
            "Rows with the id of another event differ from it in user, name or time: the id that"
            " columns.event_id names is not one event's own, and events are lost. Without an id,"
            " rows of one user, name and time that another extract delivered hold something else:"
            " map columns.event_id, or say extracts_overlap: false.",
            """
            select extract_id, rows_unlike as unexpected_count, rows_duplicate, rows_seen
            from {batch} where rows_unlike > 0
            """,
        ),
    )


def _time() -> tuple[Check, ...]:
    return (
        warning(
            "no extract reaches beyond the day on which its source is said to have ended",
            "The source goes on: its app waits for it again, until ended is mended.",
            # a day of the reporting zone ends at most 12 hours after that of UTC
            """
            select extract_id, 1 as unexpected_count, ended, reaches
            from {batch} where reaches >= ended + interval 36 hour
            """,
        ),
        warning(
            "times say their zone, or their source does",
            "They were read as UTC. Local times of another zone put evenings on the next day, and"
            " with them retention: say time_zone: of the source (UTC, where it is right).",
            """
            select extract_id, rows_zoneless as unexpected_count, events
            from {batch} where rows_zoneless > 0
            """,
        ),
        warning(
            "no day lacks that the source's own history expects",
            "What rests on it is marked in the marts. Deliver the days, or say in quiet_days of the"
            " source that its users rested.",
            """
            select extract_id, days_missing as unexpected_count, missing
            from {batch} where days_missing > 0
            """,
        ),
        critical(
            "at most 1 % of an extract's events are dated before 1990",
            "Times near 1970 are missing or misread time stamps (seconds taken for milliseconds).",
            """
            select extract_id, events_before_1990 as unexpected_count, events
            from {batch} where events_before_1990 > 0.01 * events
            """,
        ),
        warning(
            "no event is dated before 1990",
            "One misdated event makes an app look decades old.",
            """
            select extract_id, events_before_1990 as unexpected_count, events
            from {batch} where events_before_1990 between 1 and 0.01 * events
            """,
        ),
        warning(
            "no instant has more than half of an extract's events (of 100 or more)",
            "The time of the export, or a truncated time stamp, was taken for the event time.",
            """
            select extract_id, events_at_commonest_time as unexpected_count, events, commonest_time
            from {batch} where events >= 100 and events_at_commonest_time > 0.5 * events
            """,
        ),
        warning(
            "at most half of an extract's events (of 100 or more) happen at midnight sharp",
            "The source gives days, not times: 24-hour windows and time zones lose their meaning.",
            """
            select extract_id, events_at_midnight as unexpected_count, events
            from {batch} where events >= 100 and events_at_midnight > 0.5 * events
            """,
        ),
    )
