{{ config(
    pre_hook="{{ take_away(
        ['app_id', 'user_key', 'activity_date'],
        'select app_id, user_key, activity_date from ' ~ ref('int_user_day_changes') ~ ' where version = -1'
    ) }}"
) }}
with

changes as (
    select * from {{ ref('int_user_day_changes') }}
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
        segment_key
    from changes
    where version = 1
)

select * from final
