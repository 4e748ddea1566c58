with

expected as (
    select * from {{ source('outlook', 'forecast_curves') }}
),

curves as (
    select * from {{ ref('fct_retention_curves') }}
    where definition = 'classic' and period = 'day'
),

final as (
    select
        cast(expected.app_id as {{ dbt.type_string() }}) as app_id,
        cast(expected.day_n as {{ dbt.type_int() }}) as day_n,
        curves.eligible_users,
        curves.retention_rate as observed_rate,
        cast(expected.forecast_rate as double) as forecast_rate,
        cast(expected.ci_low as double) as ci_low,
        cast(expected.ci_high as double) as ci_high
    from expected
    left join curves
        on
            expected.app_id = curves.app_id
            and expected.day_n = curves.period_n
)

select * from final
