with

snapshots as (
    select * from {{ ref('stg_chart_snapshots') }}
),

spans as (
    select
        store,
        storefront,
        chart,
        genre,
        min(rank_date) as first_snapshot_date,
        max(max(rank_date)) over () as last_snapshot_date
    from snapshots
    group by store, storefront, chart, genre
),

calendar as (
    select
        store,
        storefront,
        chart,
        genre,
        {{ each_day('first_snapshot_date', 'last_snapshot_date') }} as rank_date
    from spans
),

observed as (
    select
        store,
        storefront,
        chart,
        genre,
        rank_date,
        snapshot_id,
        depth,
        row_number() over (
            partition by store, storefront, chart, genre, rank_date
            order by snapshot_at desc, snapshot_id desc
        ) as recency,
        count(*) over (
            partition by store, storefront, chart, genre, rank_date
        ) as snapshots
    from snapshots
    where is_observed
),

final as (
    select
        calendar.store,
        calendar.storefront,
        calendar.chart,
        calendar.genre,
        calendar.rank_date,
        observed.snapshot_id as last_snapshot_id,
        observed.depth,
        coalesce(observed.snapshots, 0) as snapshots,
        observed.snapshot_id is not null as is_fetched
    from calendar
    left join observed
        on
            calendar.store = observed.store
            and calendar.storefront = observed.storefront
            and calendar.chart = observed.chart
            and calendar.genre = observed.genre
            and calendar.rank_date = observed.rank_date
            and observed.recency = 1
)

select * from final
