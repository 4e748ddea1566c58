with

apps as (
    select * from {{ ref('stg_apps') }}
),

chart_apps as (
    select * from {{ ref('int_chart_apps') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

app_users as (
    select * from {{ ref('int_app_users') }}
),

daily_counts as (
    select * from {{ ref('int_daily_counts') }}
),

tracked as (
    select
        app_id,
        app_name,
        description,
        true as is_tracked,
        is_simulated,
        activity_events,
        cohort_events
    from apps
),

-- Events outlive the configuration: an app taken out of sources.yml keeps its history and its row.
untracked as (
    select
        app_id,
        app_id as app_name,
        cast(null as {{ dbt.type_string() }}) as description,
        false as is_tracked,
        false as is_simulated,
        cast(null as {{ dbt.type_string() }}) as activity_events,
        cast(null as {{ dbt.type_string() }}) as cohort_events
    from watermarks
    where
        first_activity_date is not null
        and app_id not in (select tracked.app_id from tracked)
),

charted as (
    select
        app_id,
        max(app_name) as app_name,
        cast(null as {{ dbt.type_string() }}) as description,
        false as is_tracked,
        false as is_simulated,
        cast(null as {{ dbt.type_string() }}) as activity_events,
        cast(null as {{ dbt.type_string() }}) as cohort_events
    from chart_apps
    where not is_tracked
    group by app_id
),

all_apps as (
    select * from tracked
    union all
    select * from untracked
    union all
    select * from charted
),

events as (
    select
        app_id,
        sum(events) as events
    from daily_counts
    group by app_id
),

final as (
    select
        all_apps.app_id,
        all_apps.app_name,
        all_apps.description,
        all_apps.is_tracked,
        all_apps.is_simulated,
        all_apps.activity_events,
        all_apps.cohort_events,
        watermarks.first_activity_date as first_event_date,
        watermarks.watermark,
        -- Without a landed event the number is unknown, not zero.
        case
            when watermarks.first_activity_date is not null
                then coalesce(app_users.users, 0)
        end as users,
        case
            when watermarks.first_activity_date is not null
                then coalesce(app_users.users_without_cohort_start, 0)
        end as users_without_cohort_start,
        case
            when watermarks.first_activity_date is not null
                then cast(coalesce(events.events, 0) as {{ dbt.type_bigint() }})
        end as events
    from all_apps
    left join watermarks on all_apps.app_id = watermarks.app_id
    left join app_users on all_apps.app_id = app_users.app_id
    left join events on all_apps.app_id = events.app_id
)

select * from final
