{#- Places above and below within which another app is a neighbour. -#}
{%- set neighbourhood = 3 -%}
with

chart_apps as (
    select * from {{ ref('int_chart_apps') }}
),

chart_days as (
    select * from {{ ref('int_chart_days') }}
),

peaks as (
    select * from {{ ref('int_rank_peaks') }}
),

ranks as (
    select * from {{ ref('int_chart_ranks_daily') }}
),

entries as (
    select * from {{ ref('stg_chart_ranks') }}
),

tracked as (
    select
        chart_apps.store,
        chart_apps.storefront,
        chart_apps.chart,
        chart_apps.genre,
        chart_apps.store_app_id,
        chart_apps.app_id,
        peaks.peak_rank,
        peaks.peak_date
    from chart_apps
    inner join peaks
        on
            chart_apps.store = peaks.store
            and chart_apps.storefront = peaks.storefront
            and chart_apps.chart = peaks.chart
            and chart_apps.genre = peaks.genre
            and chart_apps.store_app_id = peaks.store_app_id
    where chart_apps.is_tracked
),

latest_days as (
    select
        store,
        storefront,
        chart,
        genre,
        max(rank_date) as rank_date
    from chart_days
    where is_fetched
    group by store, storefront, chart, genre
),

latest_ranks as (
    select
        ranks.store,
        ranks.storefront,
        ranks.chart,
        ranks.genre,
        ranks.store_app_id,
        ranks.last_rank as rank
    from ranks
    inner join latest_days
        on
            ranks.store = latest_days.store
            and ranks.storefront = latest_days.storefront
            and ranks.chart = latest_days.chart
            and ranks.genre = latest_days.genre
            and ranks.rank_date = latest_days.rank_date
    where ranks.last_rank is not null
),

-- The day of the peak may have had other snapshots, in which others were ahead.
peak_snapshots as (
    select
        tracked.*,
        entries.snapshot_id,
        row_number() over (
            partition by tracked.store, tracked.storefront, tracked.chart, tracked.genre, tracked.store_app_id
            order by entries.snapshot_at asc, entries.snapshot_id asc
        ) as precedence
    from tracked
    inner join entries
        on
            tracked.store = entries.store
            and tracked.storefront = entries.storefront
            and tracked.chart = entries.chart
            and tracked.genre = entries.genre
            and tracked.store_app_id = entries.store_app_id
            and tracked.peak_date = entries.rank_date
            and tracked.peak_rank = entries.rank
),

compared as (
    select
        peaked.store,
        peaked.storefront,
        peaked.chart,
        peaked.genre,
        peaked.store_app_id,
        peaked.app_id,
        peaked.peak_rank,
        latest_days.rank_date,
        own.rank,
        others.store_app_id as other_store_app_id,
        others.rank as other_rank,
        others_at_peak.rank as other_rank_at_peak
    from peak_snapshots as peaked
    inner join latest_days
        on
            peaked.store = latest_days.store
            and peaked.storefront = latest_days.storefront
            and peaked.chart = latest_days.chart
            and peaked.genre = latest_days.genre
    inner join latest_ranks as others
        on
            peaked.store = others.store
            and peaked.storefront = others.storefront
            and peaked.chart = others.chart
            and peaked.genre = others.genre
            and peaked.store_app_id <> others.store_app_id
    left join latest_ranks as own
        on
            peaked.store = own.store
            and peaked.storefront = own.storefront
            and peaked.chart = own.chart
            and peaked.genre = own.genre
            and peaked.store_app_id = own.store_app_id
    left join entries as others_at_peak
        on
            peaked.snapshot_id = others_at_peak.snapshot_id
            and others.store_app_id = others_at_peak.store_app_id
    where peaked.precedence = 1
),

company as (
    select
        *,
        coalesce(abs(rank - other_rank) <= {{ neighbourhood }}, false) as is_neighbour,
        -- Who was not in the chart that the app was in was worse; who is in the chart that the app is
        -- not in is better.
        coalesce(other_rank < rank, true) and coalesce(other_rank_at_peak > peak_rank, true) as passed_since_peak
    from compared
),

final as (
    select
        company.store,
        company.storefront,
        company.chart,
        company.genre,
        company.store_app_id,
        company.app_id,
        company.rank_date,
        cast(company.rank as {{ dbt.type_int() }}) as rank,
        company.other_store_app_id,
        others.app_id as other_app_id,
        others.app_name as other_app_name,
        cast(company.other_rank as {{ dbt.type_int() }}) as other_rank,
        cast(company.other_rank_at_peak as {{ dbt.type_int() }}) as other_rank_at_peak,
        company.is_neighbour,
        company.passed_since_peak
    from company
    inner join chart_apps as others
        on
            company.store = others.store
            and company.storefront = others.storefront
            and company.chart = others.chart
            and company.genre = others.genre
            and company.other_store_app_id = others.store_app_id
    where company.is_neighbour or company.passed_since_peak
)

select * from final
