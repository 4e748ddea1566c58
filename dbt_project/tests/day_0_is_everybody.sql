-- A cohort starts with its users' first activity, so all of them are active on day 0 of a complete
-- cohort. Where named events start it, they may be no activity.
select cells.*
from {{ ref('fct_cohort_retention_daily') }} as cells
inner join {{ ref('dim_apps') }} as apps on cells.app_id = apps.app_id
where
    cells.day_n = 0
    and apps.cohort_events is null
    and (
        not cells.is_complete
        or cells.retained_users <> cells.cohort_users
        or cells.returned_users <> cells.cohort_users
        or cells.retained_users_24h <> cells.cohort_users
    )
