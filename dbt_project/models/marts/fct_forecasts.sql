with

forecasts as (
    select * from {{ source('outlook', 'forecasts') }}
),

final as (
    select
        cast(app_id as {{ dbt.type_string() }}) as app_id,
        cast(cohort_group as {{ dbt.type_string() }}) as cohort_group,
        cast(definition as {{ dbt.type_string() }}) as definition,
        cast(day_n as {{ dbt.type_int() }}) as day_n,
        cast(as_of as date) as as_of,
        cast(users as {{ dbt.type_bigint() }}) as users,
        cast(observed_users as {{ dbt.type_bigint() }}) as observed_users,
        cast(observed_days as {{ dbt.type_int() }}) as observed_days,
        cast(status as {{ dbt.type_string() }}) as status,
        cast(reason as {{ dbt.type_string() }}) as reason,
        cast(forecast_rate as double) as forecast_rate,
        cast(ci_low as double) as ci_low,
        cast(ci_high as double) as ci_high,
        cast(power_law_rate as double) as power_law_rate,
        cast(sbg_rate as double) as sbg_rate,
        cast(power_law_weight as double) as power_law_weight,
        cast(completes_on as date) as completes_on
    from forecasts
)

select * from final
