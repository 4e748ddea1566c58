"""What must hold of the apps, the scorecard, the freshness and the marts as a whole."""

from __future__ import annotations

from expectations.checks import Check, Suite, critical, grain, warning

MILESTONES = (1, 7, 30, 60)
"""The days n that the scorecard shows."""

STALE_AFTER_DAYS = 3
"""A source that has landed nothing for longer is reported."""

# Whatever identifies a user, by any of the names under which it may slip into a mart.
_USER_LEVEL_COLUMN = (
    "regexp_full_match(lower(column_name),"
    " '(.*_)?(user|device|visitor|anonymous|install|advertising|author|review|reviewer)_?"
    "(id|key|hash|uuid|name)s?')"
    " or lower(column_name) in ('event_id', 'email', 'ip', 'ip_address', 'idfa', 'gaid', 'idfv',"
    " 'author', 'reviewer')"
)


def apps() -> Suite:
    """One row of the batch is one app, tracked or only seen on charts."""
    return Suite(
        name="dim_apps",
        stage="mart",
        subject="dim_apps",
        batch="select * from marts.dim_apps",
        checks=(
            grain("app_id"),
            critical(
                "every tracked app has a row",
                "An app of the sources file went missing in the build.",
                """
                with known as (select app_id from {batch} where is_tracked)
                select app_id, name from raw.apps anti join known using (app_id)
                """,
            ),
            critical(
                "every app whose events have landed has a row, a first day and a watermark",
                "Events landed but the build did not see them.",
                """
                with known as (
                    select app_id from {batch}
                    where first_event_date is not null and watermark is not null
                ),
                landed as (
                    select distinct app_id
                    from raw.extracts inner join raw.event_sources using (source)
                    where status = 'landed' and rows_landed > 0
                )
                select app_id from landed anti join known using (app_id)
                """,
            ),
            critical(
                "users and events are counted, and every user has an event",
                "There are fewer events than users, or a negative number of either.",
                """
                select app_id, users, events from {batch}
                where users < 0 or events < users or (users is null) <> (events is null)
                """,
            ),
            critical(
                "users without a cohort start are some of the users",
                "Where the first activity starts the cohort there are none of them.",
                """
                select app_id, users, users_without_cohort_start, cohort_events from {batch}
                where users_without_cohort_start not between 0 and users
                    or (users_without_cohort_start is null) <> (users is null)
                    or (cohort_events is null and users_without_cohort_start > 0)
                """,
            ),
        ),
    )


def scorecard() -> Suite:
    """One row of the batch is one tracked app."""
    return Suite(
        name="app_scorecard",
        stage="mart",
        subject="app_scorecard",
        batch="select * from marts.app_scorecard",
        checks=(
            grain("app_id"),
            critical(
                "one row per tracked app, and for no other",
                "The scorecard answers for the apps of the sources file.",
                """
                with shown as (select app_id from {batch}),
                tracked as (select app_id from marts.dim_apps where is_tracked)
                (from shown except from tracked) union all (from tracked except from shown)
                """,
            ),
            *(_observable(day) for day in MILESTONES),
            critical(
                "rates lie within 0 and 1 and inside their interval",
                "Nothing else is a share of users.",
                "select * from {batch} where "
                + " or ".join(
                    f"d{n}_rate not between 0 and 1 or d{n}_ci_low > d{n}_rate + 1e-9"
                    f" or d{n}_ci_high < d{n}_rate - 1e-9 or d{n}_ci_low < 0 or d{n}_ci_high > 1"
                    for n in MILESTONES
                ),
            ),
            critical(
                "the milestones are those of the classic curve",
                "The headline and the curve must tell the same story.",
                "with shown as (select * from {batch}), curves as (select * from"
                " marts.fct_retention_curves where definition = 'classic' and period = 'day') "
                + " union all ".join(
                    f"select app_id, {n} as day_n, d{n}_rate as shown, retention_rate as curve"
                    f" from shown left join (from curves where period_n = {n}) using (app_id)"
                    f" where d{n}_rate is distinct from retention_rate and"
                    f" (select max(period_n) from curves) >= {n}"
                    for n in MILESTONES
                ),
            ),
        ),
    )


def freshness() -> Suite:
    """One row of the batch is one source."""
    return Suite(
        name="data_freshness",
        stage="mart",
        subject="data_freshness",
        batch="select * from marts.data_freshness",
        checks=(
            grain("source"),
            warning(
                "every source has landed something",
                "A configured source brings nothing: its file pattern may match no file.",
                "select source, kind, app_id from {batch} where last_landed_at is null",
            ),
            warning(
                f"every source has landed something in the last {STALE_AFTER_DAYS} days",
                "The export has stopped; the watermark stands still.",
                f"""
                select source, kind, app_id, last_landed_at, last_event_time from {{batch}}
                where last_landed_at < (now() at time zone 'UTC') - interval {STALE_AFTER_DAYS} days
                """,
            ),
            warning(
                "no extract failed or is quarantined",
                "Its events are missing from everything shown.",
                """
                select source, extracts_failed, extracts_quarantined from {batch}
                where extracts_failed > 0 or extracts_quarantined > 0
                """,
            ),
        ),
    )


def missing_days() -> Suite:
    """One row of the batch is one event source and day."""
    return Suite(
        name="fct_missing_days",
        stage="mart",
        subject="fct_missing_days",
        batch="select * from marts.fct_missing_days",
        checks=(
            grain("source, missing_date"),
            critical(
                "every cell of a cohort or a day that lacks is marked, and no other",
                "A count that rests on a missing day may be too low, and must not pass for sure.",
                """
                with missing as (select distinct app_id, missing_date from {batch}),
                cells as (
                    select distinct app_id, cohort_date, activity_date, has_missing_days
                    from marts.fct_cohort_retention_daily
                )
                select app_id, cohort_date, activity_date, has_missing_days from cells
                where has_missing_days is distinct from (
                    (app_id, cohort_date) in (from missing)
                    or (app_id, activity_date) in (from missing)
                )
                """,
            ),
        ),
    )


def late_arrivals() -> Suite:
    """One row of the batch is one event source and a number of days."""
    return Suite(
        name="late_arrivals",
        stage="mart",
        subject="late_arrivals",
        batch="select * from marts.late_arrivals",
        checks=(
            grain("source, within_days"),
            critical(
                "a share is events in time by events, within 0 and 1",
                "The share must be the one that the counts beside it give.",
                """
                select * from {batch}
                where events_within not between 0 and events
                    or (share is null) <> (events = 0)
                    or abs(share - events_within / nullif(events, 0)) > 1e-9
                """,
            ),
            critical(
                "what landed within fewer days landed within more",
                "The shares of a source rise with the days.",
                """
                select * from {batch}
                qualify events_within < lag(events_within) over (
                    partition by source order by within_days
                )
                """,
            ),
        ),
    )


def privacy() -> Suite:
    """One row of the batch is one column of a mart."""
    return Suite(
        name="marts_privacy",
        stage="mart",
        subject="every mart",
        batch=(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'marts'"
        ),
        checks=(
            critical(
                "no mart has a column that identifies a user",
                "No user-level row may reach the published file, not even a pseudonymous one.",
                "select * from {batch} where "
                + _USER_LEVEL_COLUMN
                + " or (lower(data_type) = 'uuid' and column_name <> 'publication_id')",
            ),
        ),
    )


def _observable(day: int) -> Check:
    """A milestone is shown exactly when the app's first cohort is old enough for it."""
    return critical(
        f"D{day} is shown only for an app that has been observed for {day} complete days",
        f"An app younger than {day} days has no D{day}, least of all 0 %.",
        f"""
        select app_id, first_cohort_date, watermark, d{day}_completes_on, d{day}_is_complete,
            d{day}_rate, d{day}_cohorts
        from {{batch}}
        where d{day}_is_complete is null
            or d{day}_is_complete <> (d{day}_rate is not null)
            or d{day}_is_complete
                and coalesce(first_cohort_date + {day} > watermark or d{day}_cohorts = 0, true)
            or d{day}_completes_on is distinct from first_cohort_date + {day}
        """,
    )
