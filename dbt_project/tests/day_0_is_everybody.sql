-- A cohort starts with its users' first activity, so all of them are active on day 0 of a complete
-- cohort. Where named events start it, they may be no activity.
select *
from {{ ref('fct_cohort_retention_daily') }}
where
    day_n = 0
    and app_id not in (select app_id from {{ ref('dim_apps') }} where cohort_events is not null)
    and (
        not is_complete
        or retained_users <> cohort_users
        or returned_users <> cohort_users
        or retained_users_24h <> cohort_users
    )
