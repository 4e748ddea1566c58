with

events as (
    select * from {{ ref('stg_events') }}
    where is_activity or starts_cohort
),

long_days as (
    select * from {{ ref('int_long_days') }}
),

segments as (
    select * from {{ ref('int_segments') }}
),

user_days as (
    select
        events.app_id,
        events.delivered_user_key,
        events.activity_date,
        min(case when events.is_activity then events.event_time end) as first_event_time,
        max(case when events.is_activity then events.event_time end) as last_event_time,
        cast(sum(case when events.is_activity then 1 else 0 end) as {{ dbt.type_bigint() }}) as events,
        {% if var('reporting_timezone') == 'UTC' %}
        cast(null as {{ type_event_times() }}) as event_times,
        {% else %}
        {{ joined_event_times(
            'case when events.is_activity and long_days.activity_date is not null then '
            ~ event_time_list('events.event_time') ~ ' end'
        ) }} as event_times,
        {% endif %}
        min(
            case when events.starts_cohort then {{ moment('events.event_time', 'events.segment_key') }} end
        ) as cohort_moment
    from events
    left join long_days on events.activity_date = long_days.activity_date
    group by events.app_id, events.delivered_user_key, events.activity_date
),

final as (
    select
        user_days.app_id,
        user_days.delivered_user_key,
        user_days.activity_date,
        user_days.first_event_time,
        user_days.last_event_time,
        user_days.events,
        user_days.event_times,
        {{ moment_time('user_days.cohort_moment') }} as cohort_event_time,
        segments.platform,
        segments.country,
        segments.channel,
        segments.app_version
    from user_days
    left join segments on {{ moment_segment('user_days.cohort_moment') }} = segments.segment_key
)

select * from final
