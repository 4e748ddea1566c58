{%- set periods = ['day', 'week', 'month'] -%}
{{ config(unique_key=['app_id', 'period', 'cohort_date', 'segment_key', 'period_n']) }}
with

visits as (
    select
        *,
        {{ horizon_of('period') }} as horizon
    from {{ ref('int_period_visits') }}
),

-- Of several visits within one period the first one counts. A user last seen beyond the horizon has
-- returned on or after every period within it.
active as (
    select
        app_id,
        period,
        cohort_date,
        segment_key,
        least(period_n, horizon) as period_n,
        sum(
            case when period_n <= horizon and (previous_n is null or previous_n < period_n) then version else 0 end
        ) as active_users,
        sum(case when next_n is null then version else 0 end) as last_active_users,
        sum(
            case when period_n <= horizon and (next_n is null or next_n > horizon) then version else 0 end
        ) as last_active_users_to_horizon,
        0 as window_users
    from visits
    group by app_id, period, cohort_date, segment_key, least(period_n, horizon)
),

windows as (
    select * from {{ ref('int_window_visits') }}
),

{% for period in periods %}
{%- set days = window_hours(period) // 24 %}
{{ period }}_windows as (
    select
        version,
        app_id,
        segment_key,
        {{ period_start_of('cohort_date', period) }} as cohort_date,
        cast(floor(window_n / {{ days }}) as {{ dbt.type_bigint() }}) as window_n,
        cast(floor(previous_window_n / {{ days }}) as {{ dbt.type_bigint() }}) as previous_window_n
    from windows
),

{{ period }}_active_windows as (
    select
        app_id,
        '{{ period }}' as period,
        cohort_date,
        segment_key,
        window_n as period_n,
        0 as active_users,
        0 as last_active_users,
        0 as last_active_users_to_horizon,
        sum(version) as window_users
    from {{ period }}_windows
    where
        window_n <= {{ horizon(period) }}
        and (previous_window_n is null or previous_window_n < window_n)
    group by app_id, cohort_date, segment_key, window_n
),

{% endfor %}
counted as (
    select * from active
    {% for period in periods %}
    union all
    select * from {{ period }}_active_windows
    {% endfor %}
),

changes as (
    select
        app_id,
        period,
        cohort_date,
        segment_key,
        cast(period_n as {{ dbt.type_int() }}) as period_n,
        sum(active_users) as active_users,
        sum(last_active_users) as last_active_users,
        sum(last_active_users_to_horizon) as last_active_users_to_horizon,
        sum(window_users) as window_users
    from counted
    group by app_id, period, cohort_date, segment_key, period_n
),

final as (
    select
        changes.app_id,
        changes.period,
        changes.cohort_date,
        changes.segment_key,
        changes.period_n,
        {{ plus_standing('changes', 'active_users') }} as active_users,
        {{ plus_standing('changes', 'last_active_users') }} as last_active_users,
        {{ plus_standing('changes', 'last_active_users_to_horizon') }} as last_active_users_to_horizon,
        {{ plus_standing('changes', 'window_users') }} as window_users
    from changes {{ join_standing('changes', ['app_id', 'period', 'cohort_date', 'segment_key', 'period_n']) }}
)

select * from final
