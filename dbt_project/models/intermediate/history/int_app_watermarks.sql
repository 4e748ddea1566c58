with

event_sources as (
    select * from {{ ref('stg_event_sources') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
),

last_days_by_source as (
    select
        source,
        {{ reporting_day('max(reaches)') }} as last_day_seen
    from extracts
    where is_visible and kind = 'events'
    group by source
),

-- The last day seen may be partial, so the day before it is the last full one. A source that has
-- neither declared nor landed anything says nothing about the app and does not hold it back.
declared_or_seen as (
    select
        event_sources.app_id,
        min(coalesce(
            event_sources.complete_through,
            {{ add_days('last_days_by_source.last_day_seen', -1) }}
        )) as last_full_day
    from event_sources
    left join last_days_by_source on event_sources.source = last_days_by_source.source
    group by event_sources.app_id
),

activity_spans as (
    select
        app_id,
        min(activity_date) as first_activity_date,
        max(activity_date) as last_activity_date
    from user_days
    where events > 0
    group by app_id
),

-- Events outlive the configuration: an app whose sources were renamed or taken out of sources.yml
-- falls back on the last day seen in its own events.
last_full_days as (
    select
        coalesce(activity_spans.app_id, declared_or_seen.app_id) as app_id,
        activity_spans.first_activity_date,
        activity_spans.last_activity_date,
        coalesce(
            declared_or_seen.last_full_day,
            {{ add_days('activity_spans.last_activity_date', -1) }}
        ) as last_full_day
    from activity_spans
    full outer join declared_or_seen on activity_spans.app_id = declared_or_seen.app_id
),

final as (
    select
        app_id,
        first_activity_date,
        last_activity_date,
        {{ add_days('last_full_day', 0 - var('late_data_allowance_days')) }} as watermark
    from last_full_days
    where last_full_day is not null
)

select * from final
