-- A cohort starts with its users' first event, so all of them are active on day 0 of a complete cohort.
select *
from {{ ref('fct_cohort_retention_daily') }}
where
    day_n = 0
    and (
        not is_complete
        or retained_users <> cohort_users
        or returned_users <> cohort_users
        or retained_users_24h <> cohort_users
    )
