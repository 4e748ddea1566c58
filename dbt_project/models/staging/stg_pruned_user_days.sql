with

pruned_user_days as (
    select * from {{ source('raw', 'pruned_user_days') }}
),

shown as (
    select
        pruned_user_days.*,
        {{ segment('platform', 'platform') }} as platform_segment,
        {{ segment('country', 'country') }} as country_segment,
        {{ segment('channel', 'channel') }} as channel_segment,
        {{ segment('app_version', 'app_version') }} as app_version_segment
    from pruned_user_days
),

final as (
    select
        app_id,
        user_key,
        activity_date,
        first_event_time,
        last_event_time,
        events,
        event_times,
        cohort_event_time,
        case
            when cohort_event_time is not null
                then {{ key_of(['platform_segment', 'country_segment', 'channel_segment', 'app_version_segment']) }}
        end as segment_key,
        platform_segment as platform,
        country_segment as country,
        channel_segment as channel,
        app_version_segment as app_version
    from shown
)

select * from final
