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

-- A day is compared with the last one before it on which somebody looked, however long ago.
fetched as (
    select
        store,
        storefront,
        chart,
        genre,
        rank_date,
        lag(rank_date) over (partition by store, storefront, chart, genre order by rank_date) as previous_rank_date,
        lag(depth) over (partition by store, storefront, chart, genre order by rank_date) as previous_depth
    from chart_days
    where is_fetched
),

days as (
    select
        chart_days.store,
        chart_days.storefront,
        chart_days.chart,
        chart_days.genre,
        chart_days.rank_date,
        chart_days.depth,
        chart_days.snapshots,
        chart_days.is_fetched,
        fetched.previous_rank_date,
        fetched.previous_depth
    from chart_days
    left join fetched
        on
            chart_days.store = fetched.store
            and chart_days.storefront = fetched.storefront
            and chart_days.chart = fetched.chart
            and chart_days.genre = fetched.genre
            and chart_days.rank_date = fetched.rank_date
),

app_days as (
    select
        chart_apps.store,
        chart_apps.storefront,
        chart_apps.chart,
        chart_apps.genre,
        chart_apps.store_app_id,
        chart_apps.app_id,
        chart_apps.app_name,
        days.rank_date,
        days.depth,
        days.snapshots,
        days.is_fetched,
        days.previous_rank_date,
        days.previous_depth,
        ranks.last_rank as rank,
        ranks.best_rank,
        ranks_before.last_rank as previous_rank
    from chart_apps
    inner join days
        on
            chart_apps.store = days.store
            and chart_apps.storefront = days.storefront
            and chart_apps.chart = days.chart
            and chart_apps.genre = days.genre
    left join ranks
        on
            chart_apps.store = ranks.store
            and chart_apps.storefront = ranks.storefront
            and chart_apps.chart = ranks.chart
            and chart_apps.genre = ranks.genre
            and chart_apps.store_app_id = ranks.store_app_id
            and days.rank_date = ranks.rank_date
    left join ranks as ranks_before
        on
            chart_apps.store = ranks_before.store
            and chart_apps.storefront = ranks_before.storefront
            and chart_apps.chart = ranks_before.chart
            and chart_apps.genre = ranks_before.genre
            and chart_apps.store_app_id = ranks_before.store_app_id
            and days.previous_rank_date = ranks_before.rank_date
),

final as (
    select
        store,
        storefront,
        chart,
        genre,
        store_app_id,
        rank_date,
        app_id,
        app_name,
        case
            when not is_fetched then 'not_fetched'
            when rank is null then 'off_chart'
            else 'ranked'
        end as state,
        cast(rank as {{ dbt.type_int() }}) as rank,
        cast(best_rank as {{ dbt.type_int() }}) as best_rank,
        cast(depth as {{ dbt.type_int() }}) as depth,
        cast(case when rank is null then depth end as {{ dbt.type_int() }}) as worse_than,
        cast(snapshots as {{ dbt.type_bigint() }}) as snapshots,
        previous_rank_date,
        cast(previous_rank as {{ dbt.type_int() }}) as previous_rank,
        cast(previous_rank - rank as {{ dbt.type_int() }}) as rank_change,
        case
            when previous_rank_date is null then null
            when rank is null and previous_rank is null then 'absent'
            -- Beyond the depth of the other day nobody knows: it may have been there all along.
            when previous_rank is null then case when rank <= previous_depth then 'entered' end
            when rank is null then case when previous_rank <= depth then 'left' end
            when rank < previous_rank then 'up'
            when rank > previous_rank then 'down'
            else 'same'
        end as movement
    from app_days
)

select * from final
