with

pruned_user_days as (
    select * from {{ source('raw', 'pruned_user_days') }}
),

user_aliases as (
    select * from {{ source('raw', 'user_aliases') }}
),

shown as (
    select
        pruned_user_days.*,
        coalesce(user_aliases.user_key, pruned_user_days.user_key) as known_user_key,
        {{ segment('pruned_user_days.platform', 'platform') }} as platform_segment,
        {{ segment('pruned_user_days.country', 'country') }} as country_segment,
        {{ segment('pruned_user_days.channel', 'channel') }} as channel_segment,
        {{ segment('pruned_user_days.app_version', 'app_version') }} as app_version_segment
    from pruned_user_days
    left join user_aliases
        on
            pruned_user_days.app_id = user_aliases.app_id
            and pruned_user_days.user_key = user_aliases.alias_key
),

final as (
    select
        app_id,
        known_user_key as user_key,
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
