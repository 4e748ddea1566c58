"""What must hold of the cohort triangle and the retention curves before they are published."""

from __future__ import annotations

from expectations.checks import Check, Suite, critical, grain

_CELL = "app_id, cohort_date, platform, country, channel, day_n"
_COUNTS = (
    "cohort_users, eligible_users, retained_users, returned_users, retained_users_24h, is_complete"
)
_CELLS_WITH_WATERMARK = """
with cells as (
    select cells.*, apps.watermark
    from {batch} as cells inner join marts.dim_apps as apps using (app_id)
)
"""


def cohort_triangle() -> Suite:
    """One row of the batch is one cell: app, cohort day, segment, day n."""
    return Suite(
        name="fct_cohort_retention_daily",
        stage="mart",
        subject="fct_cohort_retention_daily",
        batch="select * from marts.fct_cohort_retention_daily",
        checks=(grain(_CELL), *_presence(), *_counts(), *_right_censoring()),
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
                where retained_users > eligible_users
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
                "the curves' counts are the sums of the triangle's complete cells",
                "The curve and the cohorts must tell the same story.",
                """
                with curves as (
                    select app_id, definition, period_n, eligible_users, retained_users, cohorts
                    from {batch}
                    where definition in ('classic', 'unbounded') and period = 'day' and is_complete
                ),
                cells as (
                    select
                        app_id, day_n as period_n, sum(eligible_users) as eligible_users,
                        sum(retained_users) as classic, sum(returned_users) as unbounded,
                        count(distinct cohort_date) as cohorts,
                    from marts.fct_cohort_retention_daily where is_complete group by all
                ),
                triangle as (
                    unpivot cells on classic, unbounded into name definition value retained_users
                )
                select
                    app_id, definition, period_n,
                    curves.retained_users as curve_retained,
                    triangle.retained_users as triangle_retained,
                    curves.eligible_users as curve_eligible,
                    triangle.eligible_users as triangle_eligible,
                from curves full join triangle using (app_id, definition, period_n)
                where curves.eligible_users is distinct from triangle.eligible_users
                    or curves.retained_users is distinct from triangle.retained_users
                    or curves.cohorts is distinct from triangle.cohorts
                """,
            ),
        ),
    )


def _presence() -> tuple[Check, ...]:
    return (
        critical(
            "every app with users by its watermark has cohorts",
            "Events landed but no cohort came of them: the build lost an app.",
            """
            with cells as (select distinct app_id from {batch})
            select app_id, users, first_event_date, watermark
            from marts.dim_apps anti join cells using (app_id)
            where first_event_date <= watermark or users > 0
            """,
        ),
        critical(
            "the cohorts' users add up to the app's users",
            "Every user belongs to exactly one cohort and one segment.",
            """
            with cohorts as (
                select app_id, sum(cohort_users) as cohort_users
                from {batch} where day_n = 0 group by app_id
            )
            select app_id, apps.users, cohorts.cohort_users
            from cohorts left join marts.dim_apps as apps using (app_id)
            where apps.users is distinct from cohorts.cohort_users
            """,
        ),
        critical(
            "every cohort has a cell for each day n from 0, all with the same users",
            "A missing cell would drop its users from the curve of that day only.",
            f"""
            select {_CELL.removesuffix(", day_n")}, count(*) as cells, max(day_n) as last_day_n,
                min(cohort_users) as fewest_users, max(cohort_users) as most_users
            from {{batch}} group by all
            having min(day_n) <> 0 or max(day_n) <> count(*) - 1
                or min(cohort_users) <> max(cohort_users)
            """,
        ),
    )


def _counts() -> tuple[Check, ...]:
    return (
        critical(
            "0 <= retained <= eligible <= cohort users, in every definition",
            "More users came back than there are.",
            f"""
            select {_CELL}, {_COUNTS} from {{batch}}
            where cohort_users < 1 or eligible_users > cohort_users
                or retained_users not between 0 and eligible_users
                or returned_users not between retained_users and eligible_users
                or retained_users_24h not between 0 and cohort_users
            """,
        ),
        critical(
            "on day 0 every user of a complete cohort is retained",
            "A cohort starts with its users' first events: less than 100 % contradicts itself.",
            f"""
            select {_CELL}, {_COUNTS} from {{batch}}
            where day_n = 0 and is_complete
                and (retained_users <> cohort_users or returned_users <> cohort_users)
            """,
        ),
        critical(
            "unbounded retention never rises within a cohort",
            "Who is active on day n or later is also active on day n - 1 or later.",
            f"""
            select {_CELL}, {_COUNTS} from {{batch}}
            qualify returned_users > lag(returned_users) over (
                partition by app_id, cohort_date, platform, country, channel order by day_n
            )
            """,
        ),
    )


def _right_censoring() -> tuple[Check, ...]:
    return (
        critical(
            "a cell is complete exactly when the watermark has reached its day",
            "A cell shown too early understates retention: the days to come count as absences.",
            _CELLS_WITH_WATERMARK
            + f"""
            select {_CELL}, is_complete, completes_on, watermark from cells
            where completes_on is distinct from cohort_date + day_n::integer
                or activity_date is distinct from cohort_date + day_n::integer
                or is_complete is distinct from (completes_on <= watermark)
            """,
        ),
        critical(
            "incomplete cells carry NULL, complete cells never do",
            "Unknown is not zero: a 0 before its time is how 'D60 = 0 %' gets printed.",
            f"""
            select {_CELL}, {_COUNTS} from {{batch}}
            where is_complete is distinct from (eligible_users is not null)
                or is_complete is distinct from (retained_users is not null)
                or is_complete is distinct from (returned_users is not null)
            """,
        ),
        critical(
            "24-hour windows are shown from the day after, never before",
            "The window of day n ends on day n + 1 for all but the users of midnight.",
            _CELLS_WITH_WATERMARK
            + f"""
            select {_CELL}, retained_users_24h, completes_on, watermark from cells
            where (retained_users_24h is not null)
                is distinct from (cohort_date + day_n::integer + 1 <= watermark)
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
            select {_CELL}, watermark from cells
            where watermark is null or cohort_date > watermark
            """,
        ),
    )
