-- On the last day of a complete calendar week, the growth shape's week is that week.
select
    weeks.app_id,
    weeks.completes_on,
    weeks.quick_ratio,
    growth.quick_ratio_7d,
    weeks.active,
    growth.active_users_7d
from {{ ref('fct_growth_accounting') }} as weeks
left join {{ ref('fct_growth_shape') }} as growth
    on
        weeks.app_id = growth.app_id
        and weeks.completes_on = growth.activity_date
where
    weeks.period = 'week'
    and weeks.is_complete
    and (
        growth.active_users_7d is null
        or weeks.active <> growth.active_users_7d
        or weeks.new <> growth.new_users_7d
        or coalesce(weeks.quick_ratio, -1) <> coalesce(growth.quick_ratio_7d, -1)
    )
