with

peaks as (
    select * from {{ ref('int_rank_peaks') }}
),

chart_days as (
    select * from {{ ref('int_chart_days') }}
),

ranks as (
    select * from {{ ref('int_chart_ranks_daily') }}
),

final as (
    select
        peaks.store,
        peaks.storefront,
        peaks.chart,
        peaks.genre,
        peaks.store_app_id,
        chart_days.rank_date,
        {{ dbt.datediff('peaks.peak_date', 'chart_days.rank_date', 'day') }} as days_after_peak,
        peaks.peak_rank,
        chart_days.is_fetched,
        ranks.last_rank as rank,
        chart_days.depth
    from peaks
    inner join chart_days
        on
            peaks.store = chart_days.store
            and peaks.storefront = chart_days.storefront
            and peaks.chart = chart_days.chart
            and peaks.genre = chart_days.genre
            and peaks.peak_date < chart_days.rank_date
    left join ranks
        on
            peaks.store = ranks.store
            and peaks.storefront = ranks.storefront
            and peaks.chart = ranks.chart
            and peaks.genre = ranks.genre
            and peaks.store_app_id = ranks.store_app_id
            and chart_days.rank_date = ranks.rank_date
)

select * from final
