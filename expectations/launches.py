"""What must hold of launch notes, their effects and launch velocity before they are published."""

from __future__ import annotations

from expectations.checks import Suite, critical, grain, warning


def launch_velocity() -> Suite:
    """One row of the batch is one app, what is counted, and how many of it."""
    return Suite(
        name="fct_launch_velocity",
        stage="mart",
        subject="fct_launch_velocity",
        batch="select * from marts.fct_launch_velocity",
        checks=(
            grain("app_id, measure, milestone"),
            critical(
                "days since the launch lie between the launch and the day of reaching",
                "A milestone cannot be reached before the launch.",
                """
                select * from {batch}
                where days_since_launch < 0
                    or days_since_launch is distinct from (reached_on - launch_date)
                """,
            ),
            critical(
                "a larger number is not reached earlier than a smaller one",
                "Cumulative counts only ever grow.",
                """
                with steps as (
                    select *, lag(reached_on) over measured as smaller_reached_on,
                        lag(milestone) over measured as smaller,
                    from {batch}
                    window measured as (partition by app_id, measure order by milestone)
                )
                select * from steps
                where smaller is not null and reached_on is not null
                    and (smaller_reached_on is null or smaller_reached_on > reached_on)
                """,
            ),
            critical(
                "a number of users is reached exactly where the app has had as many",
                "The milestone and the curve that it is read off must agree.",
                """
                select app_id, milestone, velocity.reached_on, reached.expected
                from (from {batch} where measure = 'users') as velocity
                left join (
                    select app_id, milestone, min(activity_date) as expected
                    from (from {batch} where measure = 'users') as rows_of_users
                    inner join (from marts.fct_growth_shape where launch_day_n >= 0) as days
                        using (app_id)
                    where cumulative_users >= milestone
                    group by app_id, milestone
                ) as reached using (app_id, milestone)
                where velocity.reached_on is distinct from reached.expected
                """,
            ),
        ),
    )


def launch_notes() -> Suite:
    """One row of the batch is one launch note."""
    return Suite(
        name="launch_notes",
        stage="mart",
        subject="launch_notes",
        batch="select * from marts.launch_notes",
        checks=(
            grain("app_id, note_date, kind, title"),
            critical(
                "every launch note of the sources file is there",
                "A note that is not drawn leaves a jump without its reason.",
                """
                select * from raw.launch_notes
                anti join {batch} as notes using (app_id, note_date, kind, title)
                """,
            ),
            warning(
                "no launch note lies before its app's first day or in the future",
                "The year may have been mistyped: there is nothing to compare.",
                """
                select notes.*, apps.first_event_date
                from {batch} as notes left join marts.dim_apps as apps using (app_id)
                where note_date < first_event_date - interval 1 year
                    or note_date > (now() at time zone 'UTC')::date + 366
                """,
            ),
        ),
    )


def launch_effects() -> Suite:
    """One row of the batch is one launch note and a day n."""
    return Suite(
        name="fct_launch_effects",
        stage="mart",
        subject="fct_launch_effects",
        batch="select * from marts.fct_launch_effects",
        checks=(
            grain("app_id, note_date, kind, title, day_n"),
            critical(
                "every launch note is compared",
                "A note without a row would look like one without an effect.",
                """
                with effects as (select * from {batch})
                select * from marts.launch_notes
                anti join effects using (app_id, note_date, kind, title)
                """,
            ),
            critical(
                "users and rates of both sides are those of the complete cohorts",
                "The comparison must be of the numbers that the triangle shows.",
                """
                with expected as (
                    select effects.app_id, note_date, kind, title, effects.day_n,
                        sum(eligible_users) filter (cohort_date < note_date) as before_eligible,
                        sum(eligible_users) filter (cohort_date >= note_date) as after_eligible,
                        sum(retained_users) filter (cohort_date < note_date) as before_retained,
                        sum(retained_users) filter (cohort_date >= note_date) as after_retained,
                    from {batch} as effects
                    left join marts.fct_cohort_retention_daily as cells
                        on effects.app_id = cells.app_id and effects.day_n = cells.day_n
                        and cells.cohort_date >= note_date - window_days
                        and cells.cohort_date < note_date + window_days
                    group by all
                )
                select app_id, note_date, title, day_n, users_before, before_eligible,
                    users_after, after_eligible, rate_before, rate_after
                from {batch} left join expected using (app_id, note_date, kind, title, day_n)
                where users_before is distinct from before_eligible
                    or users_after is distinct from after_eligible
                    or coalesce(abs(rate_before - before_retained / users_before) > 1e-9,
                        users_before is not null)
                    or coalesce(abs(rate_after - after_retained / users_after) > 1e-9,
                        users_after is not null)
                """,
            ),
            critical(
                "the difference is that of the rates, within its interval",
                "An interval beside its difference is a slip of calculation.",
                """
                select * from {batch}
                where difference is distinct from round(rate_after - rate_before, 12)
                    or not (ci_low <= difference and difference <= ci_high)
                    or (difference is null and ci_low is not null)
                """,
            ),
            critical(
                "beyond noise is what the interval says, and noise is at least 1",
                "The sentence that everybody quotes must come of the numbers beside it.",
                """
                select * from {batch}
                where is_beyond_noise is distinct from (ci_low > 0 or ci_high < 0)
                    or noise < 1 or (noise is null) <> (ci_low is null)
                """,
            ),
            critical(
                "a comparison is complete exactly when its last cohort is",
                "An unfinished comparison must say that it is one.",
                """
                select app_id, note_date, title, day_n, is_complete, completes_on, watermark
                from {batch} left join marts.dim_apps as apps using (app_id)
                where completes_on <> note_date + window_days - 1 + day_n
                    or is_complete is distinct from coalesce(completes_on <= watermark, false)
                """,
            ),
        ),
    )
