with

reported_days as (
    select * from {{ ref('int_reported_days') }}
),

users as (
    select
        version,
        app_id,
        user_key,
        sum(events) > 0 as is_active,
        min({{ moment('cohort_event_time', 'segment_key') }}) as cohort_moment
    from reported_days
    group by version, app_id, user_key
),

starts as (
    select
        version,
        app_id,
        user_key,
        is_active,
        {{ moment_time('cohort_moment') }} as cohort_started_at,
        {{ moment_segment('cohort_moment') }} as segment_key
    from users
),

final as (
    select
        version,
        app_id,
        user_key,
        is_active,
        cohort_started_at,
        {{ reporting_day('cohort_started_at') }} as cohort_date,
        segment_key
    from starts
)

select * from final
