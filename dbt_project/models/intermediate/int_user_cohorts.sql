with

events as (
    select * from {{ ref('stg_events') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
),

starts as (
    select
        app_id,
        user_key,
        min(first_event_time) as cohort_started_at
    from user_days
    group by app_id, user_key
),

-- Several events may share the first instant: the smallest event_id decides, so that a rebuild agrees.
first_events as (
    select
        events.app_id,
        events.user_key,
        starts.cohort_started_at,
        events.activity_date as cohort_date,
        events.platform,
        events.country,
        events.channel,
        row_number() over (
            partition by events.app_id, events.user_key
            order by events.event_id
        ) as tie_break
    from events
    inner join starts
        on
            events.app_id = starts.app_id
            and events.user_key = starts.user_key
            and events.event_time = starts.cohort_started_at
),

final as (
    select
        app_id,
        user_key,
        cohort_started_at,
        cohort_date,
        platform,
        country,
        channel
    from first_events
    where tie_break = 1
)

select * from final
