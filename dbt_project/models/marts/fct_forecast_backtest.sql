with

outcomes as (
    select * from {{ source('outlook', 'forecast_backtest') }}
),

final as (
    select
        cast(app_id as {{ dbt.type_string() }}) as app_id,
        cast(as_of as date) as as_of,
        cast(definition as {{ dbt.type_string() }}) as definition,
        cast(day_n as {{ dbt.type_int() }}) as day_n,
        cast(method as {{ dbt.type_string() }}) as method,
        cast(known_on as date) as known_on,
        cast(users as {{ dbt.type_bigint() }}) as users,
        cast(observed_days as {{ dbt.type_int() }}) as observed_days,
        cast(forecast_rate as double) as forecast_rate,
        cast(ci_low as double) as ci_low,
        cast(ci_high as double) as ci_high,
        cast(actual_rate as double) as actual_rate,
        cast(forecast_rate - actual_rate as double) as error,
        actual_rate between ci_low and ci_high as is_covered
    from outcomes
)

select * from final
