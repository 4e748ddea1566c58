with

app_events as (
    select * from {{ source('raw', 'app_events') }}
),

user_aliases as (
    select * from {{ source('raw', 'user_aliases') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

visible as (
    select
        app_events.*,
        coalesce(user_aliases.user_key, app_events.user_key) as known_user_key,
        {{ segment('app_events.platform', 'platform') }} as platform_segment,
        {{ segment('app_events.country', 'country') }} as country_segment,
        {{ segment('app_events.channel', 'channel') }} as channel_segment,
        {{ segment('app_events.app_version', 'app_version') }} as app_version_segment
    from app_events
    inner join extracts
        on
            app_events.extract_id = extracts.extract_id
            and extracts.is_visible
    left join user_aliases
        on
            app_events.app_id = user_aliases.app_id
            and app_events.user_key = user_aliases.alias_key
),

final as (
    select
        app_id,
        event_id,
        known_user_key as user_key,
        user_key as delivered_user_key,
        event_name,
        event_time,
        {{ reporting_day('event_time') }} as activity_date,
        {{ is_activity('app_id', 'event_name') }} as is_activity,
        {{ starts_cohort('app_id', 'event_name') }} as starts_cohort,
        {{ key_of(['platform_segment', 'country_segment', 'channel_segment', 'app_version_segment']) }} as segment_key,
        platform_segment as platform,
        country_segment as country,
        channel_segment as channel,
        app_version_segment as app_version,
        extract_id,
        landed_at
    from visible
)

select * from final
