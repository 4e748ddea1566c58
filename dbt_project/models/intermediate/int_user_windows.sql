with

user_days as (
    select * from {{ ref('int_user_days') }}
),

user_cohorts as (
    select * from {{ ref('int_user_cohorts') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

events as (
    select * from {{ ref('stg_events') }}
),

user_day_windows as (
    select
        user_days.app_id,
        user_days.user_key,
        user_days.activity_date,
        user_cohorts.cohort_started_at,
        {{ elapsed_days('user_cohorts.cohort_started_at', 'user_days.first_event_time') }} as first_window_n,
        {{ elapsed_days('user_cohorts.cohort_started_at', 'user_days.last_event_time') }} as last_window_n
    from user_days
    inner join user_cohorts
        on
            user_days.app_id = user_cohorts.app_id
            and user_days.user_key = user_cohorts.user_key
    inner join watermarks
        on
            user_days.app_id = watermarks.app_id
            and user_days.activity_date <= watermarks.watermark
),

-- A day of 24 hours meets at most two windows, and its first and last event tell which. Only a day
-- of 25 hours (the clocks go back) can meet a third one, between the two: those few user-days are
-- looked up in the events.
inner_windows as (
    select
        user_day_windows.app_id,
        user_day_windows.user_key,
        {{ elapsed_days('user_day_windows.cohort_started_at', 'events.event_time') }} as window_n
    from user_day_windows
    inner join events
        on
            user_day_windows.app_id = events.app_id
            and user_day_windows.user_key = events.user_key
            and user_day_windows.activity_date = events.activity_date
    where user_day_windows.last_window_n - user_day_windows.first_window_n > 1
),

windows as (
    select
        app_id,
        user_key,
        first_window_n as window_n
    from user_day_windows
    union all
    select
        app_id,
        user_key,
        last_window_n as window_n
    from user_day_windows
    where last_window_n > first_window_n
    union all
    select
        app_id,
        user_key,
        window_n
    from inner_windows
),

final as (
    select distinct
        app_id,
        user_key,
        cast(window_n as {{ dbt.type_int() }}) as window_n
    from windows
    where window_n <= {{ var('horizon_days') }}
)

select * from final
