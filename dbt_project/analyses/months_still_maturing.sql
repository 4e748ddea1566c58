-- Which cohort months are not old enough for day 60, and when will they be?
--
-- How to read it: until the last column's day the month's D60 is that of its older cohorts only. A month of
-- which no cohort is old enough has no D60: it is unknown, not zero.

with

cells as (

    select * from {{ ref('fct_cohort_retention_daily') }}

),

months as (

    select
        app_id,
        cast(date_trunc('month', cohort_date) as date) as cohort_month,
        sum(cohort_users) as users_so_far,
        coalesce(sum(eligible_users), 0) as users_with_day_60,
        min(completes_on) as first_known_on,
        max(completes_on) as complete_on
    from cells
    where day_n = 60
    group by app_id, cohort_month
    having not bool_and(is_complete)

)

select * from months
order by app_id, cohort_month
