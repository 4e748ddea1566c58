{{ config(unique_key=['app_id', 'activity_date']) }}
with

visits as (
    select * from {{ ref('int_user_visits') }}
),

active as (
    select
        app_id,
        activity_date,
        sum(version) as active_users,
        sum(case when previous_date is null then version else 0 end) as new_users,
        sum(version * events) as events
    from visits
    group by app_id, activity_date
),

-- A user enters a rolling window on each active day and leaves it when the window has passed that
-- day, or when the next active day takes over: entries and exits, summed up, are the distinct users.
visit_ends as (
    select
        version,
        app_id,
        least(
            coalesce(next_date, {{ add_days('activity_date', 7) }}),
            {{ add_days('activity_date', 7) }}
        ) as leaves_week_on,
        least(
            coalesce(next_date, {{ add_days('activity_date', 14) }}),
            {{ add_days('activity_date', 14) }}
        ) as leaves_fortnight_on,
        least(
            coalesce(next_date, {{ add_days('activity_date', var('mau_days')) }}),
            {{ add_days('activity_date', var('mau_days')) }}
        ) as leaves_month_on
    from visits
),

movements as (
    select
        app_id,
        activity_date,
        active_users,
        new_users,
        events,
        active_users as wau_change,
        active_users as fortnight_change,
        active_users as mau_change
    from active
    union all
    select
        app_id,
        leaves_week_on as activity_date,
        0 as active_users,
        0 as new_users,
        0 as events,
        -sum(version) as wau_change,
        0 as fortnight_change,
        0 as mau_change
    from visit_ends
    group by app_id, leaves_week_on
    union all
    select
        app_id,
        leaves_fortnight_on as activity_date,
        0 as active_users,
        0 as new_users,
        0 as events,
        0 as wau_change,
        -sum(version) as fortnight_change,
        0 as mau_change
    from visit_ends
    group by app_id, leaves_fortnight_on
    union all
    select
        app_id,
        leaves_month_on as activity_date,
        0 as active_users,
        0 as new_users,
        0 as events,
        0 as wau_change,
        0 as fortnight_change,
        -sum(version) as mau_change
    from visit_ends
    group by app_id, leaves_month_on
),

changes as (
    select
        app_id,
        activity_date,
        sum(active_users) as active_users,
        sum(new_users) as new_users,
        sum(events) as events,
        sum(wau_change) as wau_change,
        sum(fortnight_change) as fortnight_change,
        sum(mau_change) as mau_change
    from movements
    group by app_id, activity_date
),

final as (
    select
        changes.app_id,
        changes.activity_date,
        {{ plus_standing('changes', 'active_users') }} as active_users,
        {{ plus_standing('changes', 'new_users') }} as new_users,
        {{ plus_standing('changes', 'events') }} as events,
        {{ plus_standing('changes', 'wau_change') }} as wau_change,
        {{ plus_standing('changes', 'fortnight_change') }} as fortnight_change,
        {{ plus_standing('changes', 'mau_change') }} as mau_change
    from changes {{ join_standing('changes', ['app_id', 'activity_date']) }}
)

select * from final
