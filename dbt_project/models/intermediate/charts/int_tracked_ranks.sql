with

chart_days as (
    select * from {{ ref('int_chart_days') }}
    where is_fetched
),

chart_apps as (
    select * from {{ ref('int_chart_apps') }}
    where is_tracked
),

ranks as (
    select * from {{ ref('int_chart_ranks_daily') }}
),

final as (
    select
        chart_apps.app_id,
        chart_apps.store,
        chart_apps.storefront,
        chart_apps.chart,
        chart_apps.genre,
        chart_apps.store_app_id,
        chart_days.rank_date,
        cast(ranks.last_rank as {{ dbt.type_int() }}) as rank,
        cast(ranks.best_rank as {{ dbt.type_int() }}) as best_rank,
        cast(chart_days.depth as {{ dbt.type_int() }}) as depth
    from chart_apps
    inner join chart_days
        on
            chart_apps.store = chart_days.store
            and chart_apps.storefront = chart_days.storefront
            and chart_apps.chart = chart_days.chart
            and chart_apps.genre = chart_days.genre
    left join ranks
        on
            chart_apps.store = ranks.store
            and chart_apps.storefront = ranks.storefront
            and chart_apps.chart = ranks.chart
            and chart_apps.genre = ranks.genre
            and chart_apps.store_app_id = ranks.store_app_id
            and chart_days.rank_date = ranks.rank_date
)

select * from final
