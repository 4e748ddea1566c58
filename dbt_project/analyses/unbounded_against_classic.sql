-- Two dashboards show two numbers for day 30. Which is which?
--
-- How to read it: classic is "active on that day", unbounded "on that day or later", the last column "in a
-- range of days". Unbounded grows for as long as one waits; unbounded to the horizon follows every cohort for
-- the same time and can be compared. None of them is wrong; mixing them is.

with

curves as (

    select * from {{ ref('fct_retention_curves') }}

),

days as (

    select
        app_id,
        period_n as day_n,
        round(100.0 * max(retention_rate) filter (where definition = 'classic'), 1) as classic_pct,
        round(100.0 * max(retention_rate) filter (where definition = 'unbounded'), 1) as unbounded_pct,
        round(100.0 * max(retention_rate) filter (where definition = 'unbounded_to_horizon'), 1)
            as unbounded_to_horizon_pct
    from curves
    where period = 'day' and period_n in (1, 7, 30, 60)
    group by app_id, period_n

),

brackets as (

    select
        app_id,
        period_n as first_day,
        period_n_end as last_day,
        round(100.0 * retention_rate, 1) as bracket_pct
    from curves
    where definition = 'bracket' and period = 'day'

),

final as (

    select
        days.app_id,
        days.day_n,
        days.classic_pct,
        days.unbounded_pct,
        days.unbounded_to_horizon_pct,
        brackets.first_day || '-' || brackets.last_day as bracket,
        brackets.bracket_pct
    from days
    left join brackets
        on
            days.app_id = brackets.app_id
            and days.day_n between brackets.first_day and brackets.last_day

)

select * from final
order by app_id, day_n
