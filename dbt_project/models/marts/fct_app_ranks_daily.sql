with

chart_days as (
    select * from {{ ref('int_chart_days') }}
),

chart_apps as (
    select * from {{ ref('int_chart_apps') }}
),

ranks as (
    select * from {{ ref('int_chart_ranks_daily') }}
),

final as (
    select
        chart_apps.store,
        chart_apps.storefront,
        chart_apps.chart,
        chart_apps.genre,
        chart_apps.store_app_id,
        chart_days.rank_date,
        chart_apps.app_id,
        chart_apps.app_name,
        case
            when not chart_days.is_fetched then 'not_fetched'
            when ranks.last_rank is null then 'off_chart'
            else 'ranked'
        end as state,
        cast(ranks.last_rank as {{ dbt.type_int() }}) as rank,
        cast(ranks.best_rank as {{ dbt.type_int() }}) as best_rank,
        cast(chart_days.depth as {{ dbt.type_int() }}) as depth,
        cast(chart_days.snapshots as {{ dbt.type_bigint() }}) as snapshots
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
