{%- set rolling_days = {'wau': 7, 'mau': var('mau_days')} -%}
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
{% for name, days in rolling_days.items() %}
{{ name }}_exits as (
    select
        app_id,
        least(
            coalesce(next_date, {{ add_days('activity_date', days) }}),
            {{ add_days('activity_date', days) }}
        ) as activity_date,
        sum(version) as exits
    from visits
    group by app_id, 2
),

{% endfor %}
movements as (
    select
        app_id,
        activity_date,
        active_users,
        new_users,
        events,
        {% for name in rolling_days %}
        active_users as {{ name }}_change{{ ',' if not loop.last }}
        {% endfor %}
    from active
    {% for name in rolling_days %}
    union all
    select
        app_id,
        activity_date,
        0 as active_users,
        0 as new_users,
        0 as events,
        {% for other in rolling_days %}
        {{ '-exits' if other == name else '0' }} as {{ other }}_change{{ ',' if not loop.last }}
        {% endfor %}
    from {{ name }}_exits
    {% endfor %}
),

changes as (
    select
        app_id,
        activity_date,
        sum(active_users) as active_users,
        sum(new_users) as new_users,
        sum(events) as events,
        {% for name in rolling_days %}
        sum({{ name }}_change) as {{ name }}_change{{ ',' if not loop.last }}
        {% endfor %}
    from movements
    group by app_id, activity_date
),

final as (
    {{ standing_plus(
        'changes',
        ['app_id', 'activity_date'],
        ['active_users', 'new_users', 'events', 'wau_change', 'mau_change']
    ) }}
)

select * from final
