with

reported_days as (
    select * from {{ ref('int_reported_days') }}
    where events > 0
),

user_cohorts as (
    select * from {{ ref('int_user_cohorts') }}
),

neighbours as (
    select
        version,
        app_id,
        user_key,
        activity_date,
        first_event_time,
        last_event_time,
        events,
        event_times,
        lag(activity_date) over user_history as previous_date,
        lead(activity_date) over user_history as next_date,
        lag(last_event_time) over user_history as previous_event_time
    from reported_days
    window user_history as (partition by version, app_id, user_key order by activity_date)
),

final as (
    select
        neighbours.version,
        neighbours.app_id,
        neighbours.user_key,
        neighbours.activity_date,
        neighbours.previous_date,
        neighbours.next_date,
        neighbours.first_event_time,
        neighbours.last_event_time,
        neighbours.previous_event_time,
        neighbours.events,
        neighbours.event_times,
        user_cohorts.cohort_started_at,
        user_cohorts.cohort_date,
        user_cohorts.segment_key
    from neighbours
    inner join user_cohorts
        on
            neighbours.version = user_cohorts.version
            and neighbours.app_id = user_cohorts.app_id
            and neighbours.user_key = user_cohorts.user_key
)

select * from final
