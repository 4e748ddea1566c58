with

chart_ranks as (
    select * from {{ source('raw', 'chart_ranks') }}
),

snapshots as (
    select * from {{ ref('stg_chart_snapshots') }}
),

final as (
    select
        chart_ranks.snapshot_id,
        snapshots.store,
        snapshots.storefront,
        snapshots.chart,
        snapshots.genre,
        snapshots.snapshot_at,
        snapshots.rank_date,
        chart_ranks.rank,
        chart_ranks.store_app_id,
        chart_ranks.app_name
    from chart_ranks
    inner join snapshots
        on
            chart_ranks.snapshot_id = snapshots.snapshot_id
            and snapshots.is_observed
)

select * from final
