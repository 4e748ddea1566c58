-- Nobody is retained who was not eligible, and nobody is eligible who is not of the cohort.
select *
from {{ ref('fct_cohort_retention_daily') }}
where
    retained_users > eligible_users
    or returned_users > eligible_users
    or retained_users_24h > eligible_users
    or eligible_users > cohort_users
    or retained_users > returned_users
