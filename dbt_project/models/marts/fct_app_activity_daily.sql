with

calendar as (
    select * from {{ ref('int_app_calendar') }}
),

daily_counts as (
    select * from {{ ref('int_daily_counts') }}
),

missing_days as (
    select
        app_id,
        missing_date
    from {{ ref('int_missing_days') }}
    where is_missing
),

counted as (
    select
        calendar.app_id,
        calendar.activity_date,
        coalesce(daily_counts.active_users, 0) as dau,
        sum(coalesce(daily_counts.wau_change, 0)) over app_history as wau,
        sum(coalesce(daily_counts.mau_change, 0)) over app_history as mau,
        coalesce(daily_counts.new_users, 0) as new_users,
        coalesce(daily_counts.events, 0) as events,
        missing_days.app_id is not null as has_missing_days
    from calendar
    left join daily_counts
        on
            calendar.app_id = daily_counts.app_id
            and calendar.activity_date = daily_counts.activity_date
    left join missing_days
        on
            calendar.app_id = missing_days.app_id
            and calendar.activity_date = missing_days.missing_date
    window app_history as (
        partition by calendar.app_id
        order by calendar.activity_date
        rows between unbounded preceding and current row
    )
),

final as (
    select
        app_id,
        activity_date,
        dau,
        cast(wau as {{ dbt.type_bigint() }}) as wau,
        cast(mau as {{ dbt.type_bigint() }}) as mau,
        {{ rate('dau', 'mau') }} as stickiness,
        new_users,
        events,
        has_missing_days
    from counted
)

select * from final
