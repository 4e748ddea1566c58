-- What does the curve look like by the week, as people compare apps that are not used every day?
--
-- How to read it: week n is the calendar week n weeks after the one in which a user started. Users count once a
-- week however often they come, so these rates are higher than those by the day.

with

curves as (

    select * from {{ ref('fct_retention_curves') }}

),

weeks as (

    select
        app_id,
        period_n as week_n,
        eligible_users,
        round(100.0 * retention_rate, 1) as retained_pct,
        round(100.0 * ci_low, 1) as from_pct,
        round(100.0 * ci_high, 1) as to_pct
    from curves
    where definition = 'classic' and period = 'week' and period_n in (1, 2, 4, 8) and is_complete

)

select * from weeks
order by app_id, week_n
