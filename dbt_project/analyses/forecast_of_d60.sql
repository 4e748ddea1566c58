-- What will day 60 be once every user is old enough, and how good were such forecasts so far?
--
-- How to read it: the forecast with its interval is of the users there are. The last three columns hold earlier
-- forecasts of the same app against what came: how many, by how many points they were off on average, and how
-- many of their intervals held it. Where status is not forecast, reason says what is missing.

with

forecasts as (

    select * from {{ ref('fct_forecasts') }}

),

backtest as (

    select * from {{ ref('fct_forecast_backtest') }}

),

earlier as (

    select
        app_id,
        count(*) as forecasts,
        avg(abs(error)) as mean_error,
        count(*) filter (where is_covered) as covered
    from backtest
    where
        definition = 'classic'
        and day_n = 60
        and method = 'blend'
        and actual_rate is not null
    group by app_id

),

final as (

    select
        forecasts.app_id,
        forecasts.status,
        forecasts.reason,
        round(100.0 * forecasts.forecast_rate, 2) as d60_pct,
        round(100.0 * forecasts.ci_low, 2) as from_pct,
        round(100.0 * forecasts.ci_high, 2) as to_pct,
        forecasts.completes_on,
        earlier.forecasts as earlier_forecasts,
        round(100.0 * earlier.mean_error, 2) as mean_error_in_points,
        earlier.covered as intervals_that_held
    from forecasts
    left join earlier on forecasts.app_id = earlier.app_id
    where
        forecasts.definition = 'classic'
        and forecasts.day_n = 60
        and forecasts.cohort_group = 'all'

)

select * from final
order by app_id
