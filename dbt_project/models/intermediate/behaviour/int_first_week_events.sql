with

events as (
    select recent_events.* from ({{ events_of_recent_cohorts() }}) as recent_events
),

starters as (
    select * from {{ ref('int_recent_starters') }}
),

first_weeks as (
    select
        starters.app_id,
        starters.user_key,
        events.event_name,
        events.activity_date = starters.cohort_date as is_first_day
    from starters
    inner join events
        on
            starters.app_id = events.app_id
            and starters.user_key = events.user_key
            and starters.cohort_date <= events.activity_date
            and events.activity_date < {{ add_days('starters.cohort_date', 7) }}
),

final as (
    select
        app_id,
        user_key,
        event_name,
        count(case when is_first_day then 1 end) as events_first_day,
        count(*) as events_first_week
    from first_weeks
    group by app_id, user_key, event_name
)

select * from final
