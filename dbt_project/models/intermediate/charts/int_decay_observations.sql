{#- The decline right after the peak is asked for; a year later another story is told. -#}
{%- set days_followed = 90 -%}
with

days as (
    select * from {{ ref('int_days_after_peak') }}
),

chart_apps as (
    select * from {{ ref('int_chart_apps') }}
),

final as (
    select
        days.store,
        days.storefront,
        days.chart,
        days.genre,
        days.store_app_id,
        cast(days.days_after_peak as {{ dbt.type_int() }}) as days_after_peak,
        cast(days.rank as {{ dbt.type_int() }}) as rank,
        cast(case when days.rank is null then days.depth end as {{ dbt.type_int() }}) as worse_than
    from days
    inner join chart_apps
        on
            days.store = chart_apps.store
            and days.storefront = chart_apps.storefront
            and days.chart = chart_apps.chart
            and days.genre = chart_apps.genre
            and days.store_app_id = chart_apps.store_app_id
    where
        chart_apps.is_tracked
        and days.is_fetched
        and days.days_after_peak <= {{ days_followed }}
)

select * from final
