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
