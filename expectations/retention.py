"""What must hold of the cohort triangles and the retention curves before they are published."""

from __future__ import annotations

from expectations.checks import Check, Suite, critical, grain

TRIANGLES = {
    "day": ("fct_cohort_retention_daily", "day_n"),
    "week": ("fct_cohort_retention_weekly", "week_n"),
    "month": ("fct_cohort_retention_monthly", "month_n"),
}
"""Period to the mart of its triangle and the column that numbers its periods."""

_COHORT = "app_id, cohort_date, platform, country, channel, app_version"
_COUNTS = (
    "cohort_users, eligible_users, retained_users, returned_users, retained_users_24h, is_complete"
)
_CELLS_WITH_WATERMARK = """
with cells as (
    select cells.*, apps.watermark
    from {batch} as cells inner join marts.dim_apps as apps using (app_id)
)
"""
_STARTS_WITH_ACTIVITY = "app_id in (select app_id from marts.dim_apps where cohort_events is null)"


def cohort_triangle(period: str) -> Suite:
    """One row of the batch is one cell: app, cohort period, segment, number of the period."""
    mart, n = TRIANGLES[period]
    cell = f"{_COHORT}, {n}"
    return Suite(
        name=mart,
        stage="mart",
        subject=mart,
        batch=f"select * from marts.{mart}",
        checks=(
            grain(cell),
            *_presence(n),
            *_counts(cell, n),
            *_right_censoring(cell, n, period),
            *(_day_totals() if period == "day" else _sum_of_days(n)),
        ),
    )


def retention_curves() -> Suite:
    """One row of the batch is one point: app, definition, period, period n."""
    return Suite(
        name="fct_retention_curves",
        stage="mart",
        subject="fct_retention_curves",
        batch="select * from marts.fct_retention_curves",
        checks=(
            grain("app_id, definition, period, period_n"),
            critical(
                "rates lie within 0 and 1 and inside their interval",
                "Nothing else is a share of users.",
                """
                select * from {batch}
                where retention_rate not between 0 and 1
                    or ci_low not between 0 and 1
                    or ci_high not between 0 and 1
                    or ci_low > retention_rate + 1e-9
                    or ci_high < retention_rate - 1e-9
                """,
            ),
            critical(
                "a rate is retained users by eligible users",
                "The rate must be the one that the counts beside it give.",
                """
                select * from {batch}
                where retained_users not between 0 and eligible_users
                    or abs(retention_rate - retained_users / nullif(eligible_users, 0)) > 1e-9
                """,
            ),
            critical(
                "a point has a rate and an interval exactly when a cohort is complete for it",
                "Right-censoring: what could not be observed yet is unknown, not zero.",
                """
                select * from {batch}
                where is_complete is null
                    or is_complete <> (cohorts > 0)
                    or is_complete <> (retention_rate is not null)
                    or is_complete <> (ci_low is not null)
                    or is_complete <> (ci_high is not null)
                    or is_complete <> (eligible_users is not null)
                    or is_complete <> (retained_users is not null)
                """,
            ),
            critical(
                "of the eligible users no more than all rest on missing days",
                "The share that rests on holes must be the one of the users counted.",
                """
                select * from {batch}
                where users_missing_days not between 0 and eligible_users
                    or (users_missing_days is null) <> (eligible_users is null)
                """,
            ),
            critical(
                "the curves' counts are the sums of the triangles' complete cells",
                "The curve and the cohorts must tell the same story.",
                _curves_against_triangles(),
            ),
            critical(
                "at equal follow-up, unbounded retention never rises",
                "The same users, watched for the same time: fewer can be left later on.",
                """
                select app_id, period, period_n, retained_users from {batch}
                where definition = 'unbounded_to_horizon'
                qualify retained_users > lag(retained_users) over (
                    partition by app_id, period order by period_n
                )
                """,
            ),
            critical(
                "a bracket of one period is classic retention of that period",
                "Brackets reconcile with days: both count who was active in it.",
                """
                with points as (select * from {batch})
                select brackets.app_id, brackets.period, brackets.period_n,
                    brackets.retained_users as in_bracket, classic.retained_users as classic,
                from points as brackets
                left join points as classic
                    on brackets.app_id = classic.app_id and brackets.period = classic.period
                        and brackets.period_n = classic.period_n
                        and classic.definition = 'classic'
                where brackets.definition = 'bracket'
                    and brackets.period_n = brackets.period_n_end
                    and (
                        brackets.retained_users is distinct from classic.retained_users
                        or brackets.eligible_users is distinct from classic.eligible_users
                    )
                """,
            ),
        ),
    )


def _curves_against_triangles() -> str:
    """The query for points that are not the sums of their triangle."""
    triangles = " union all ".join(
        f"""
        select
            app_id, '{period}' as period, {n} as period_n, cohort_date,
            sum(eligible_users) as eligible_users, sum(retained_users) as classic,
            sum(returned_users) as unbounded, sum(retained_users_24h) as window_24h,
            sum(if(retained_users_24h is null, null, cohort_users)) as eligible_users_24h,
        from marts.{mart} group by all
        """
        for period, (mart, n) in TRIANGLES.items()
    )
    definitions = " union all ".join(
        f"""
        select
            app_id, '{definition}' as definition, period, period_n,
            sum({eligible}) as eligible_users, sum({definition}) as retained_users,
            count({eligible}) as cohorts,
        from cohorts where {eligible} is not null group by all
        """
        for definition, eligible in (
            ("classic", "eligible_users"),
            ("unbounded", "eligible_users"),
            ("window_24h", "eligible_users_24h"),
        )
    )
    return f"""
        with cohorts as ({triangles}),
        triangle as ({definitions}),
        curves as (
            select app_id, definition, period, period_n, eligible_users, retained_users, cohorts
            from {{batch}}
            where definition in ('classic', 'unbounded', 'window_24h') and is_complete
        )
        select
            app_id, definition, period, period_n,
            curves.retained_users as curve_retained,
            triangle.retained_users as triangle_retained,
            curves.eligible_users as curve_eligible,
            triangle.eligible_users as triangle_eligible,
        from curves full join triangle using (app_id, definition, period, period_n)
        where curves.eligible_users is distinct from triangle.eligible_users
            or curves.retained_users is distinct from triangle.retained_users
            or curves.cohorts is distinct from triangle.cohorts
    """


def _presence(n: str) -> tuple[Check, ...]:
    return (
        critical(
            "every app with users by its watermark has cohorts",
            "Events landed but no cohort came of them: the build lost an app.",
            """
            with cells as (select distinct app_id from {batch})
            select app_id, users, first_event_date, watermark
            from marts.dim_apps anti join cells using (app_id)
            where users > users_without_cohort_start
                or (cohort_events is null and first_event_date <= watermark)
            """,
        ),
        critical(
            "the cohorts' users add up to the app's users",
            "Every user belongs to exactly one cohort and one segment.",
            f"""
            with cohorts as (
                select app_id, sum(cohort_users) as cohort_users
                from {{batch}} where {n} = 0 and {_STARTS_WITH_ACTIVITY} group by app_id
            )
            select app_id, apps.users, cohorts.cohort_users
            from cohorts left join marts.dim_apps as apps using (app_id)
            where apps.users is distinct from cohorts.cohort_users
            """,
        ),
        critical(
            "every cohort has a cell for each number from 0, all with the same users",
            "A missing cell would drop its users from the curve of that period only.",
            f"""
            select {_COHORT}, count(*) as cells, max({n}) as last_n,
                min(cohort_users) as fewest_users, max(cohort_users) as most_users
            from {{batch}} group by all
            having min({n}) <> 0 or max({n}) <> count(*) - 1
                or min(cohort_users) <> max(cohort_users)
            """,
        ),
    )


def _counts(cell: str, n: str) -> tuple[Check, ...]:
    return (
        critical(
            "0 <= retained <= eligible <= cohort users, in every definition",
            "More users came back than there are.",
            f"""
            select {cell}, {_COUNTS} from {{batch}}
            where cohort_users < 1 or eligible_users > cohort_users
                or retained_users not between 0 and eligible_users
                or returned_users not between retained_users and eligible_users
                or retained_users_24h not between 0 and cohort_users
            """,
        ),
        critical(
            "in period 0 every user of a complete cohort is retained",
            "A cohort starts with its users' first activity: less than 100 % contradicts itself.",
            f"""
            select {cell}, {_COUNTS} from {{batch}}
            where {n} = 0 and is_complete and {_STARTS_WITH_ACTIVITY}
                and (retained_users <> cohort_users or returned_users <> cohort_users)
            """,
        ),
        critical(
            "unbounded retention never rises within a cohort",
            "Who is active in period n or later is also active in period n - 1 or later.",
            f"""
            select {_COHORT}, later.{n}, later.returned_users, earlier.returned_users as before
            from {{batch}} as later inner join {{batch}} as earlier using ({_COHORT})
            where later.{n} = earlier.{n} + 1 and later.returned_users > earlier.returned_users
            """,
        ),
    )


def _right_censoring(cell: str, n: str, period: str) -> tuple[Check, ...]:
    return (
        critical(
            "a cell is complete exactly when the watermark has reached its last day",
            "A cell shown too early understates retention: the days to come count as absences.",
            _CELLS_WITH_WATERMARK
            + f"""
            select {cell}, is_complete, completes_on, watermark from cells
            where activity_date is distinct from (cohort_date + to_{period}s({n}::integer))::date
                or completes_on is distinct from
                    (cohort_date + to_{period}s({n}::integer + 1))::date - 1
                or is_complete is distinct from (completes_on <= watermark)
            """,
        ),
        critical(
            "incomplete cells carry NULL, complete cells never do",
            "Unknown is not zero: a 0 before its time is how 'D60 = 0 %' gets printed.",
            f"""
            select {cell}, {_COUNTS} from {{batch}}
            where is_complete is distinct from (eligible_users is not null)
                or is_complete is distinct from (retained_users is not null)
                or is_complete is distinct from (returned_users is not null)
            """,
        ),
        critical(
            "24-hour counts are there exactly when the last of their windows has passed",
            "The window of who starts at night ends on a later day than the calendar's.",
            _CELLS_WITH_WATERMARK
            + f"""
            select {cell}, retained_users_24h, completes_on_24h, watermark from cells
            where completes_on_24h < completes_on
                or (retained_users_24h is not null)
                    is distinct from (completes_on_24h <= watermark)
            """,
        ),
        critical(
            "no cohort starts after its app's watermark",
            "That day is not fully landed: its cohort would still grow.",
            f"""
            with cells as (
                select cells.*, apps.watermark
                from {{batch}} as cells left join marts.dim_apps as apps using (app_id)
            )
            select {cell}, watermark from cells
            where watermark is null or cohort_date > watermark
            """,
        ),
    )


def _sum_of_days(n: str) -> tuple[Check, ...]:
    """The cohorts of a longer period against those of its days, for every app."""
    return (
        critical(
            "the cohorts have as many users as the daily cohorts",
            "A week or month holds exactly the users who started on one of its days.",
            f"""
            with periods as (
                select app_id, sum(cohort_users) as cohort_users
                from {{batch}} where {n} = 0 group by all
            ),
            days as (
                select app_id, sum(cohort_users) as users_of_days
                from marts.fct_cohort_retention_daily where day_n = 0 group by all
            )
            select app_id, cohort_users, users_of_days
            from periods full join days using (app_id)
            where cohort_users is distinct from users_of_days
            """,
        ),
    )


def _day_totals() -> tuple[Check, ...]:
    """The segments of a day, summed up, against what is counted without any."""
    return (
        critical(
            "the cohorts of a day add up to the day's new users",
            "Summed over its segments, a cohort is everybody who was new on that day.",
            f"""
            with cohorts as (
                select app_id, cohort_date as activity_date, sum(cohort_users) as cohort_users
                from {{batch}} where day_n = 0 and {_STARTS_WITH_ACTIVITY} group by all
            ),
            days as (
                select app_id, activity_date, new_users from marts.fct_app_activity_daily
                where {_STARTS_WITH_ACTIVITY} and new_users > 0
            )
            select app_id, activity_date, new_users, cohort_users
            from days full join cohorts using (app_id, activity_date)
            where new_users is distinct from cohort_users
            """,
        ),
        critical(
            "the retained users of a day add up to its active users",
            "Until the first cohort leaves the triangle, every active user is in one of its cells.",
            f"""
            with cells as (select * from {{batch}} where {_STARTS_WITH_ACTIVITY}),
            first_cohorts as (
                select app_id, min(cohort_date) as first_date from cells group by app_id
            ),
            retained as (
                select app_id, activity_date, sum(retained_users) as retained_users
                from cells inner join first_cohorts using (app_id)
                where is_complete
                    and activity_date <= first_date + (select max(day_n) from cells)
                group by all
            )
            select app_id, activity_date, dau, retained_users
            from retained left join marts.fct_app_activity_daily using (app_id, activity_date)
            where dau is distinct from retained_users
            """,
        ),
    )
