{{ config(materialized='view') }}
-- A view: the ledger changes with every extract, and belongs to no input that a build is asked for.
with

event_sources as (
    select * from {{ ref('stg_event_sources') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

last_days_by_source as (
    select
        source,
        {{ reporting_day('max(reaches)') }} as last_day_seen
    from extracts
    where is_visible and kind = 'events'
    group by source
),

-- What brings events of a later day has not ended, whatever the sources file says.
declared_or_seen as (
    select
        event_sources.app_id,
        event_sources.source,
        event_sources.ended,
        last_days_by_source.last_day_seen,
        coalesce(
            event_sources.ended is not null
            and (last_days_by_source.last_day_seen is null or last_days_by_source.last_day_seen <= event_sources.ended),
            false
        ) as has_ended,
        -- the last day seen may be partial, so the day before it is the last full one
        coalesce(
            event_sources.complete_through,
            {{ add_days('last_days_by_source.last_day_seen', -1) }}
        ) as last_full_day_seen
    from event_sources
    left join last_days_by_source on event_sources.source = last_days_by_source.source
),

reached as (
    select
        app_id,
        source,
        has_ended,
        case when has_ended then ended else last_full_day_seen end as last_full_day,
        last_day_seen
    from declared_or_seen
),

final as (
    select * from reached
    where last_full_day is not null
)

select * from final
