{%- set rolling_days = {'wau': 7, 'mau': var('mau_days')} -%}
with

calendar as (
    select * from {{ ref('int_app_calendar') }}
),

gaps as (
    select * from {{ ref('int_period_gaps') }}
    where period = 'day'
),

user_days as (
    select * from {{ ref('int_user_days') }}
),

daily as (
    select
        app_id,
        period_start as activity_date,
        sum(users) as dau,
        sum(case when periods_since_previous is null then users else 0 end) as new_users
    from gaps
    group by app_id, period_start
),

events as (
    select
        app_id,
        activity_date,
        sum(events) as events
    from user_days
    group by app_id, activity_date
),

-- A user counts in a rolling window from each active day until the window has passed it, or until
-- the next active day takes over: entries and exits, summed up, are the distinct users.
{% for name, days in rolling_days.items() %}
{{ name }}_changes as (
    select
        app_id,
        period_start as activity_date,
        users as change
    from gaps
    union all
    select
        app_id,
        {{ add_days(
            'period_start',
            'case when periods_until_next < ' ~ days ~ ' then periods_until_next else ' ~ days ~ ' end',
        ) }} as activity_date,
        -users as change
    from gaps
),

{{ name }}_net_changes as (
    select
        app_id,
        activity_date,
        sum(change) as change
    from {{ name }}_changes
    group by app_id, activity_date
),

{% endfor %}
counted as (
    select
        calendar.app_id,
        calendar.activity_date,
        {% for name in rolling_days %}
        sum(coalesce({{ name }}_net_changes.change, 0)) over (
            partition by calendar.app_id
            order by calendar.activity_date
            rows between unbounded preceding and current row
        ) as {{ name }},
        {% endfor %}
        coalesce(daily.dau, 0) as dau,
        coalesce(daily.new_users, 0) as new_users,
        coalesce(events.events, 0) as events
    from calendar
    left join daily
        on
            calendar.app_id = daily.app_id
            and calendar.activity_date = daily.activity_date
    left join events
        on
            calendar.app_id = events.app_id
            and calendar.activity_date = events.activity_date
    {% for name in rolling_days %}
    left join {{ name }}_net_changes
        on
            calendar.app_id = {{ name }}_net_changes.app_id
            and calendar.activity_date = {{ name }}_net_changes.activity_date
    {% endfor %}
),

final as (
    select
        app_id,
        activity_date,
        cast(dau as {{ dbt.type_bigint() }}) as dau,
        cast(wau as {{ dbt.type_bigint() }}) as wau,
        cast(mau as {{ dbt.type_bigint() }}) as mau,
        {{ rate('dau', 'mau') }} as stickiness,
        cast(new_users as {{ dbt.type_bigint() }}) as new_users,
        cast(events as {{ dbt.type_bigint() }}) as events
    from counted
)

select * from final
