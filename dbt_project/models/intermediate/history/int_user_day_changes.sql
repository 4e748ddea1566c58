with

changed_events as (
    select * from {{ ref('int_changed_events') }}
),

long_days as (
    select * from {{ ref('int_long_days') }}
),

pruned_user_days as (
    select * from {{ ref('stg_pruned_user_days') }}
),

event_moments as (
    select
        changed_events.app_id,
        changed_events.user_key,
        changed_events.activity_date,
        case when changed_events.is_activity then changed_events.event_time end as first_event_time,
        case when changed_events.is_activity then changed_events.event_time end as last_event_time,
        case when changed_events.is_activity then 1 else 0 end as events,
        {% if var('reporting_timezone') == 'UTC' %}
        cast(null as {{ type_event_times() }}) as event_times,
        {% else %}
        case
            when changed_events.is_activity and long_days.activity_date is not null
                then {{ event_time_list('changed_events.event_time') }}
        end as event_times,
        {% endif %}
        case
            when changed_events.starts_cohort
                then {{ moment('changed_events.event_time', 'changed_events.segment_key') }}
        end as cohort_moment
    from changed_events
    {% if var('reporting_timezone') != 'UTC' %}
    left join long_days on changed_events.activity_date = long_days.activity_date
    {% endif %}
    where changed_events.is_activity or changed_events.starts_cohort
),

{% if by_arrival() %}
disturbed as (
    select distinct
        app_id,
        user_key,
        activity_date
    from {{ ref('stg_disturbed_user_days') }}
),

touched as (
    select distinct
        app_id,
        user_key,
        activity_date
    from event_moments
    union distinct
    select
        app_id,
        user_key,
        activity_date
    from disturbed
),

before as (
    select user_days.*
    from {{ standing('int_user_days') }} as user_days
    inner join touched
        on
            user_days.app_id = touched.app_id
            and user_days.user_key = touched.user_key
            and user_days.activity_date = touched.activity_date
),

-- Events only ever add to a user-day, so what stands is kept and added to; where events have gone,
-- the day is counted anew.
kept as (
    select
        before.app_id,
        before.user_key,
        before.activity_date,
        before.first_event_time,
        before.last_event_time,
        before.events,
        before.event_times,
        before.cohort_event_time,
        before.segment_key
    from before
    left join disturbed
        on
            before.app_id = disturbed.app_id
            and before.user_key = disturbed.user_key
            and before.activity_date = disturbed.activity_date
    where disturbed.app_id is null
    union all
    select
        pruned_user_days.app_id,
        pruned_user_days.user_key,
        pruned_user_days.activity_date,
        pruned_user_days.first_event_time,
        pruned_user_days.last_event_time,
        pruned_user_days.events,
        pruned_user_days.event_times,
        pruned_user_days.cohort_event_time,
        pruned_user_days.segment_key
    from pruned_user_days
    inner join disturbed
        on
            pruned_user_days.app_id = disturbed.app_id
            and pruned_user_days.user_key = disturbed.user_key
            and pruned_user_days.activity_date = disturbed.activity_date
),
{% else %}
kept as (
    select
        app_id,
        user_key,
        activity_date,
        first_event_time,
        last_event_time,
        events,
        event_times,
        cohort_event_time,
        segment_key
    from pruned_user_days
),
{% endif %}

moments as (
    select * from event_moments
    union all
    select
        app_id,
        user_key,
        activity_date,
        first_event_time,
        last_event_time,
        events,
        event_times,
        {{ moment('cohort_event_time', 'segment_key') }} as cohort_moment
    from kept
),

grouped as (
    select
        app_id,
        user_key,
        activity_date,
        min(first_event_time) as first_event_time,
        max(last_event_time) as last_event_time,
        sum(events) as events,
        {% if var('reporting_timezone') == 'UTC' %}
        cast(null as {{ type_event_times() }}) as event_times,
        {% else %}
        {{ joined_event_times('event_times') }} as event_times,
        {% endif %}
        min(cohort_moment) as cohort_moment
    from moments
    group by app_id, user_key, activity_date
),

after as (
    select
        app_id,
        user_key,
        activity_date,
        first_event_time,
        last_event_time,
        cast(events as {{ dbt.type_bigint() }}) as events,
        event_times,
        {{ moment_time('cohort_moment') }} as cohort_event_time,
        {{ moment_segment('cohort_moment') }} as segment_key
    from grouped
),

final as (
    {% if by_arrival() %}
    select
        -1 as version,
        before.app_id,
        before.user_key,
        before.activity_date,
        before.first_event_time,
        before.last_event_time,
        before.events,
        before.event_times,
        before.cohort_event_time,
        before.segment_key
    from before
    union all
    {% endif %}
    select
        1 as version,
        after.app_id,
        after.user_key,
        after.activity_date,
        after.first_event_time,
        after.last_event_time,
        after.events,
        after.event_times,
        after.cohort_event_time,
        after.segment_key
    from after
)

select * from final
