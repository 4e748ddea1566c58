"""What must hold of growth accounting and daily activity before they are published."""

from __future__ import annotations

from expectations.checks import Suite, critical, grain


def growth_accounting() -> Suite:
    """One row of the batch is one app's day, week or month."""
    return Suite(
        name="fct_growth_accounting",
        stage="mart",
        subject="fct_growth_accounting",
        batch="select * from marts.fct_growth_accounting",
        checks=(
            grain("app_id, period, period_start"),
            critical(
                "active = retained + resurrected + new",
                "Every active user arrived in exactly one of these ways.",
                """
                select * from {batch}
                where active <> retained + resurrected + new
                    or least(active, new, retained, resurrected, churned) < 0
                """,
            ),
            critical(
                "active = active before + new + resurrected - churned",
                "The growth identity: users neither appear nor vanish between periods.",
                """
                with steps as (
                    select *, lag(active) over periods as active_before,
                        lag(period_start) over periods as previous_start,
                    from {batch}
                    window periods as (partition by app_id, period order by period_start)
                )
                select app_id, period, period_start, active_before, new, resurrected, churned,
                    active
                from steps
                where is_complete
                    and active <> coalesce(active_before, 0) + new + resurrected - churned
                """,
            ),
            critical(
                "periods follow each other without a gap",
                "A missing period would hide its churn.",
                """
                with steps as (
                    select *, lag(period_start) over (
                        partition by app_id, period order by period_start
                    ) as previous_start
                    from {batch}
                )
                select app_id, period, previous_start, period_start from steps
                where period_start <> case period
                    when 'day' then previous_start + interval 1 day
                    when 'week' then previous_start + interval 7 days
                    when 'month' then previous_start + interval 1 month
                end
                """,
            ),
            critical(
                "a period carries counts exactly when it is complete",
                "A period cut off by the watermark would look like a collapse.",
                """
                with periods as (
                    select periods.*, apps.watermark
                    from {batch} as periods left join marts.dim_apps as apps using (app_id)
                )
                select app_id, period, period_start, active, is_complete, completes_on, watermark
                from periods
                where is_complete is distinct from (completes_on <= watermark)
                    or is_complete is distinct from (active is not null)
                    or is_complete is distinct from (new is not null)
                    or is_complete is distinct from (retained is not null)
                    or is_complete is distinct from (resurrected is not null)
                    or is_complete is distinct from (churned is not null)
                    or (quick_ratio is not null and not is_complete)
                """,
            ),
            critical(
                "quick ratio = (new + resurrected) / churned",
                "The ratio must be the one that the counts beside it give.",
                """
                select * from {batch}
                where churned > 0
                    and (quick_ratio is null
                        or abs(quick_ratio - (new + resurrected) / churned) > 1e-6)
                """,
            ),
        ),
    )


def app_activity() -> Suite:
    """One row of the batch is one app's day."""
    return Suite(
        name="fct_app_activity_daily",
        stage="mart",
        subject="fct_app_activity_daily",
        batch="select * from marts.fct_app_activity_daily",
        checks=(
            grain("app_id, activity_date"),
            critical(
                "0 <= new users <= DAU <= WAU <= MAU",
                "A longer window holds at least the users of the shorter one.",
                """
                select * from {batch}
                where new_users < 0 or new_users > dau or dau > wau or wau > mau or events < dau
                """,
            ),
            critical(
                "stickiness is DAU by MAU, within 0 and 1",
                "The ratio must be the one that the counts beside it give.",
                """
                select * from {batch}
                where stickiness not between 0 and 1
                    or (mau > 0 and stickiness is null)
                    or abs(stickiness - dau / nullif(mau, 0)) > 1e-9
                """,
            ),
            critical(
                "no activity after the app's watermark",
                "That day is not fully landed yet: it would look like a drop.",
                """
                with days as (
                    select days.*, apps.watermark
                    from {batch} as days left join marts.dim_apps as apps using (app_id)
                )
                select app_id, activity_date, dau, watermark from days
                where watermark is null or activity_date > watermark
                """,
            ),
            critical(
                "every app with users has activity",
                "Events landed but no activity came of them: the build lost an app.",
                """
                with days as (select distinct app_id from {batch})
                select app_id, users, watermark from marts.dim_apps anti join days using (app_id)
                where users > 0
                """,
            ),
            critical(
                "the new users of all days are the users of the app",
                "A user is new exactly once.",
                """
                with days as (select app_id, sum(new_users) as new_users from {batch} group by all)
                select app_id, days.new_users, apps.users
                from days left join marts.dim_apps as apps using (app_id)
                where days.new_users is distinct from apps.users
                """,
            ),
        ),
    )


def growth_shape() -> Suite:
    """One row of the batch is one app's day."""
    return Suite(
        name="fct_growth_shape",
        stage="mart",
        subject="fct_growth_shape",
        batch="select * from marts.fct_growth_shape",
        checks=(
            grain("app_id, activity_date"),
            critical(
                "its days are those of the daily activity, with the same users",
                "A day of another app, or without its users, would bend the shape.",
                """
                select app_id, activity_date, shape.new_users, shape.active_users_7d, days.wau
                from {batch} as shape
                full join marts.fct_app_activity_daily as days using (app_id, activity_date)
                where shape.new_users is distinct from days.new_users
                    or shape.active_users_7d is distinct from days.wau
                """,
            ),
            critical(
                "new users add up over 7 days, and over all",
                "The share of new users, and the days to a number of users, come of these sums.",
                """
                with summed as (
                    select *,
                        sum(new_users) over (
                            partition by app_id order by activity_date
                            range between interval 6 days preceding and current row
                        ) as of_7d,
                        sum(new_users) over (
                            partition by app_id order by activity_date
                        ) as of_all,
                    from {batch}
                )
                select app_id, activity_date, new_users_7d, of_7d, cumulative_users, of_all
                from summed
                where new_users_7d is distinct from of_7d
                    or cumulative_users is distinct from of_all
                """,
            ),
            critical(
                "shares lie between 0 and 1 and are those of the counts beside them",
                "A share outside of it is no share.",
                """
                select * from {batch}
                where new_user_share not between 0 and 1
                    or new_users_vs_peak not between 0 and 1
                    or (active_users_7d > 0 and new_user_share is null)
                    or abs(new_user_share - new_users_7d / nullif(active_users_7d, 0)) > 1e-9
                """,
            ),
            critical(
                "on a week's last day the quick ratio is that of growth accounting",
                "Two numbers of one name must be one number.",
                """
                with days as (select * from {batch})
                select weeks.app_id, weeks.completes_on, weeks.quick_ratio, days.quick_ratio_7d
                from marts.fct_growth_accounting as weeks
                left join days
                    on weeks.app_id = days.app_id and weeks.completes_on = days.activity_date
                where weeks.period = 'week' and weeks.is_complete
                    and coalesce(abs(weeks.quick_ratio - days.quick_ratio_7d) > 1e-9,
                        weeks.quick_ratio is distinct from days.quick_ratio_7d)
                """,
            ),
            critical(
                "ratios are not negative, and nobody arrives where nobody is new",
                "A negative ratio means that users were counted who were not there.",
                """
                select * from {batch}
                where quick_ratio_7d < 0 or quick_ratio_trend < 0
                    or (arrives_but_leaves and new_users_7d = 0)
                """,
            ),
        ),
    )
