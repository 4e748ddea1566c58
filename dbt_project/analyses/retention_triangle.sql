-- Does each month's intake stay longer than the one before?
--
-- How to read it: one row per app and month in which users started. A rate is over the month's cohorts that
-- have completed that day, so the youngest months speak of their first days only; empty means that none has.
-- Read down a column to see whether newer users stay longer.

with

cells as (

    select * from {{ ref('fct_cohort_retention_daily') }}

),

triangle as (

    select
        app_id,
        cast(date_trunc('month', cohort_date) as date) as cohort_month,
        sum(cohort_users) filter (where day_n = 0) as users,
        round(100.0 * sum(retained_users) filter (where day_n = 1) / sum(eligible_users) filter (where day_n = 1), 1)
            as d1_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 7) / sum(eligible_users) filter (where day_n = 7), 1)
            as d7_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 30) / sum(eligible_users) filter (where day_n = 30), 1)
            as d30_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 60) / sum(eligible_users) filter (where day_n = 60), 1)
            as d60_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 90) / sum(eligible_users) filter (where day_n = 90), 1)
            as d90_pct
    from cells
    group by app_id, cohort_month

)

select * from triangle
order by app_id, cohort_month
