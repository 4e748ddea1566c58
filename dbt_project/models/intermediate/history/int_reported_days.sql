with

user_days as (
    select * from {{ ref('int_user_days') }}
),

moves as (
    select * from {{ ref('int_watermark_moves') }}
),

{% if by_arrival() %}
changed_users as (
    select * from {{ ref('int_changed_users') }}
),

changes as (
    select * from {{ ref('int_user_day_changes') }}
),

histories as (
    select user_days.*
    from user_days
    inner join changed_users
        on
            user_days.app_id = changed_users.app_id
            and user_days.user_key = changed_users.user_key
),

untouched as (
    select histories.*
    from histories
    left join changes
        on
            histories.app_id = changes.app_id
            and histories.user_key = changes.user_key
            and histories.activity_date = changes.activity_date
            and changes.version = 1
    where changes.app_id is null
),

versions as (
    select
        -1 as version,
        untouched.app_id,
        untouched.user_key,
        untouched.activity_date,
        untouched.first_event_time,
        untouched.last_event_time,
        untouched.events,
        untouched.event_times,
        untouched.cohort_event_time,
        untouched.segment_key
    from untouched
    union all
    select
        changes.version,
        changes.app_id,
        changes.user_key,
        changes.activity_date,
        changes.first_event_time,
        changes.last_event_time,
        changes.events,
        changes.event_times,
        changes.cohort_event_time,
        changes.segment_key
    from changes
    where changes.version = -1
    union all
    select
        1 as version,
        histories.app_id,
        histories.user_key,
        histories.activity_date,
        histories.first_event_time,
        histories.last_event_time,
        histories.events,
        histories.event_times,
        histories.cohort_event_time,
        histories.segment_key
    from histories
),
{% else %}
versions as (
    select
        1 as version,
        user_days.app_id,
        user_days.user_key,
        user_days.activity_date,
        user_days.first_event_time,
        user_days.last_event_time,
        user_days.events,
        user_days.event_times,
        user_days.cohort_event_time,
        user_days.segment_key
    from user_days
),
{% endif %}

final as (
    select versions.*
    from versions
    inner join moves
        on
            versions.app_id = moves.app_id
            and versions.activity_date <= case
                when versions.version = 1 then moves.watermark
                else moves.previous_watermark
            end
)

select * from final
