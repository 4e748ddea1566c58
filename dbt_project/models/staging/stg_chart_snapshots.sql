with

chart_snapshots as (
    select * from {{ source('raw', 'chart_snapshots') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

-- A fetch that failed or brought nothing new has no entries to hold back: it counts as a fetch even
-- where no extract was landed for it. Quarantined and discarded extracts stay invisible.
visible as (
    select chart_snapshots.*
    from chart_snapshots
    left join extracts on chart_snapshots.extract_id = extracts.extract_id
    where
        extracts.is_visible
        or (
            chart_snapshots.status in ('unchanged', 'failed')
            and (extracts.status is null or extracts.status = 'failed')
        )
),

final as (
    select
        snapshot_id,
        store,
        storefront,
        chart,
        genre,
        snapshot_at,
        {{ reporting_day('snapshot_at') }} as rank_date,
        depth,
        status,
        status = 'observed' as is_observed
    from visible
)

select * from final
