-- Our vendor's day 1 differs from ours. Is it the way days are cut?
--
-- How to read it: a calendar day 1 may begin minutes after a late start; the user's own second 24 hours cannot.
-- Amplitude and Mixpanel can show either. The difference is largest on day 1 and says nothing about the app.

with

curves as (

    select * from {{ ref('fct_retention_curves') }}

),

days as (

    select
        app_id,
        period_n as day_n,
        max(retention_rate) filter (where definition = 'classic') as calendar_day,
        max(retention_rate) filter (where definition = 'window_24h') as window_24h
    from curves
    where period = 'day' and period_n in (1, 2, 7, 30)
    group by app_id, period_n

),

final as (

    select
        app_id,
        day_n,
        round(100.0 * calendar_day, 1) as calendar_day_pct,
        round(100.0 * window_24h, 1) as window_24h_pct,
        round(100.0 * (window_24h - calendar_day), 2) as difference_in_points
    from days

)

select * from final
order by app_id, day_n
