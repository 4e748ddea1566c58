with

app_events as (
    select * from {{ source('raw', 'app_events') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

final as (
    select
        app_events.app_id,
        app_events.event_id,
        app_events.user_key,
        app_events.event_name,
        app_events.event_time,
        {{ reporting_day('app_events.event_time') }} as activity_date,
        coalesce(app_events.platform, 'unknown') as platform,
        coalesce(app_events.country, 'unknown') as country,
        coalesce(app_events.channel, 'unknown') as channel,
        app_events.extract_id,
        app_events.landed_at
    from app_events
    inner join extracts
        on
            app_events.extract_id = extracts.extract_id
            and extracts.is_visible
)

select * from final
