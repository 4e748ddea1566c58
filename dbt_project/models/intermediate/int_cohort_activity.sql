with

user_days as (
    select * from {{ ref('int_user_days') }}
),

user_cohorts as (
    select * from {{ ref('int_user_cohorts') }}
),

user_windows as (
    select * from {{ ref('int_user_windows') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

reported_days as (
    select
        user_days.app_id,
        user_days.user_key,
        user_days.activity_date
    from user_days
    inner join watermarks
        on
            user_days.app_id = watermarks.app_id
            and user_days.activity_date <= watermarks.watermark
),

last_days as (
    select
        app_id,
        user_key,
        max(activity_date) as last_activity_date
    from reported_days
    group by app_id, user_key
),

user_activity as (
    select
        user_cohorts.app_id,
        user_cohorts.cohort_date,
        user_cohorts.platform,
        user_cohorts.country,
        user_cohorts.channel,
        {{ dbt.datediff('user_cohorts.cohort_date', 'reported_days.activity_date', 'day') }} as day_n
    from reported_days
    inner join user_cohorts
        on
            reported_days.app_id = user_cohorts.app_id
            and reported_days.user_key = user_cohorts.user_key
),

active as (
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        day_n,
        count(*) as active_users
    from user_activity
    where day_n <= {{ var('horizon_days') }}
    group by app_id, cohort_date, platform, country, channel, day_n
),

-- A user last seen beyond the horizon has returned on or after every day within it.
user_last_activity as (
    select
        user_cohorts.app_id,
        user_cohorts.cohort_date,
        user_cohorts.platform,
        user_cohorts.country,
        user_cohorts.channel,
        least(
            {{ dbt.datediff('user_cohorts.cohort_date', 'last_days.last_activity_date', 'day') }},
            {{ var('horizon_days') }}
        ) as day_n
    from last_days
    inner join user_cohorts
        on
            last_days.app_id = user_cohorts.app_id
            and last_days.user_key = user_cohorts.user_key
),

last_active as (
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        day_n,
        count(*) as last_active_users
    from user_last_activity
    group by app_id, cohort_date, platform, country, channel, day_n
),

active_24h as (
    select
        user_cohorts.app_id,
        user_cohorts.cohort_date,
        user_cohorts.platform,
        user_cohorts.country,
        user_cohorts.channel,
        user_windows.window_n as day_n,
        count(*) as active_users_24h
    from user_windows
    inner join user_cohorts
        on
            user_windows.app_id = user_cohorts.app_id
            and user_windows.user_key = user_cohorts.user_key
    group by
        user_cohorts.app_id,
        user_cohorts.cohort_date,
        user_cohorts.platform,
        user_cohorts.country,
        user_cohorts.channel,
        user_windows.window_n
),

counts as (
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        day_n,
        active_users,
        0 as last_active_users,
        0 as active_users_24h
    from active
    union all
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        day_n,
        0 as active_users,
        last_active_users,
        0 as active_users_24h
    from last_active
    union all
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        day_n,
        0 as active_users,
        0 as last_active_users,
        active_users_24h
    from active_24h
),

final as (
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        cast(day_n as {{ dbt.type_int() }}) as day_n,
        cast(sum(active_users) as {{ dbt.type_bigint() }}) as active_users,
        cast(sum(last_active_users) as {{ dbt.type_bigint() }}) as last_active_users,
        cast(sum(active_users_24h) as {{ dbt.type_bigint() }}) as active_users_24h
    from counts
    group by app_id, cohort_date, platform, country, channel, day_n
)

select * from final
