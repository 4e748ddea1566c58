"""What must hold of retention by behaviour before it is published."""

from __future__ import annotations

from expectations.checks import Suite, critical, grain


def retention_by_behaviour() -> Suite:
    """One row of the batch is those users of one app who did, or did not do, one thing."""
    return Suite(
        name="fct_retention_by_behaviour",
        stage="mart",
        subject="fct_retention_by_behaviour",
        batch="select * from marts.fct_retention_by_behaviour",
        checks=(
            grain("app_id, observed_in, behaviour, value, did, outcome_day_n"),
            critical(
                "0 <= retained <= users, and there are users",
                "Nobody is retained who was not observed.",
                """
                select * from {batch}
                where retained_users not between 0 and users or users < 1
                """,
            ),
            critical(
                "the rate is that of the counts, within its interval",
                "The rate must be the one that the counts beside it give.",
                """
                select * from {batch}
                where abs(retention_rate - retained_users / users) > 1e-9
                    or not (ci_low <= retention_rate and retention_rate <= ci_high)
                    or ci_low < 0 or ci_high > 1
                """,
            ),
            critical(
                "each behaviour tells apart the same users",
                "Levels, and those who did and did not, must make up everybody who was observed.",
                """
                with behaviours as (
                    select app_id, observed_in, outcome_day_n, behaviour,
                        if(behaviour in ('event', 'shared'), value, '') as told_apart,
                        sum(users) as users, sum(retained_users) as retained_users,
                        sum(user_share) as user_share, sum(event_share) as event_share,
                    from {batch}
                    group by all
                )
                select *, max(users) over spans as everybody from behaviours
                window spans as (partition by app_id, outcome_day_n)
                qualify users <> max(users) over spans
                    or retained_users <> max(retained_users) over spans
                    or abs(user_share - 1) > 1e-9 or abs(event_share - 1) > 1e-9
                """,
            ),
            critical(
                "its users are no more than the complete cohorts', nor are the retained",
                "Retention by behaviour and the triangle must speak of the same people.",
                """
                with observed as (
                    select app_id, outcome_day_n as day_n, sum(users) as users,
                        sum(retained_users) as retained_users,
                    from {batch}
                    where behaviour = 'active_days'
                    group by all
                ),
                complete as (
                    select app_id, day_n, sum(eligible_users) as eligible,
                        sum(retained_users) as retained,
                    from marts.fct_cohort_retention_daily
                    group by all
                )
                select app_id, day_n, users, eligible, observed.retained_users, retained
                from observed inner join complete using (app_id, day_n)
                where coalesce(users > eligible or observed.retained_users > retained, true)
                """,
            ),
            critical(
                "an app has at most 30 names of events",
                "A long list would hold rare names, and these what identifies somebody.",
                """
                select app_id, count(distinct value) as names from {batch}
                where behaviour = 'event' group by app_id having count(distinct value) > 30
                """,
            ),
        ),
    )
