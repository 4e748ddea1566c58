with

ranks as (
    select * from {{ ref('stg_chart_ranks') }}
),

chart_days as (
    select * from {{ ref('int_chart_days') }}
),

final as (
    select
        ranks.store,
        ranks.storefront,
        ranks.chart,
        ranks.genre,
        ranks.store_app_id,
        ranks.rank_date,
        min(case when ranks.snapshot_id = chart_days.last_snapshot_id then ranks.rank end) as last_rank,
        min(ranks.rank) as best_rank
    from ranks
    inner join chart_days
        on
            ranks.store = chart_days.store
            and ranks.storefront = chart_days.storefront
            and ranks.chart = chart_days.chart
            and ranks.genre = chart_days.genre
            and ranks.rank_date = chart_days.rank_date
    group by
        ranks.store,
        ranks.storefront,
        ranks.chart,
        ranks.genre,
        ranks.store_app_id,
        ranks.rank_date
)

select * from final
