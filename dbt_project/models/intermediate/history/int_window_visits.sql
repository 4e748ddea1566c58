with

visits as (
    select * from {{ ref('int_user_visits') }}
    where last_event_time >= cohort_started_at
),

-- On the day of the start, activity may lie before it; the last event is then the first we know of.
counted_from_start as (
    select
        version,
        app_id,
        user_key,
        activity_date,
        segment_key,
        cohort_date,
        cohort_started_at,
        event_times,
        {{ elapsed_days(
            'cohort_started_at',
            'case when first_event_time >= cohort_started_at then first_event_time else last_event_time end'
        ) }} as first_window_n,
        {{ elapsed_days('cohort_started_at', 'last_event_time') }} as last_window_n,
        case
            when previous_event_time >= cohort_started_at
                then {{ elapsed_days('cohort_started_at', 'previous_event_time') }}
        end as previous_window_n
    from visits
),

-- A day of 24 hours meets at most two windows, and its first and last event tell which.
ordinary as (
    select
        version,
        app_id,
        segment_key,
        cohort_date,
        first_window_n as window_n,
        previous_window_n
    from counted_from_start
    where event_times is null
    union all
    select
        version,
        app_id,
        segment_key,
        cohort_date,
        last_window_n as window_n,
        first_window_n as previous_window_n
    from counted_from_start
    where event_times is null and last_window_n > first_window_n
),

-- A longer day can meet a third one between the two: its event times are all known.
long_day_events as (
    select
        version,
        app_id,
        user_key,
        activity_date,
        segment_key,
        cohort_date,
        cohort_started_at,
        previous_window_n,
        {{ each_event_time('event_times') }} as event_time
    from counted_from_start
    where event_times is not null
),

long_day_windows as (
    select distinct
        version,
        app_id,
        user_key,
        activity_date,
        segment_key,
        cohort_date,
        previous_window_n,
        {{ elapsed_days('cohort_started_at', 'event_time') }} as window_n
    from long_day_events
    where event_time >= cohort_started_at
),

long as (
    select
        version,
        app_id,
        segment_key,
        cohort_date,
        window_n,
        coalesce(
            lag(window_n) over (
                partition by version, app_id, user_key, activity_date
                order by window_n
            ),
            previous_window_n
        ) as previous_window_n
    from long_day_windows
),

final as (
    select * from ordinary
    union all
    select * from long
)

select * from final
