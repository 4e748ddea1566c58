{%- set periods = ['day', 'week', 'month'] -%}
{{ config(unique_key=['app_id', 'period', 'cohort_date', 'segment_key', 'period_n']) }}
with

visits as (
    select * from {{ ref('int_user_visits') }}
    where activity_date >= cohort_date
),

-- Activity before the cohort's start is of no cohort.
cohort_visits as (
    select
        version,
        app_id,
        segment_key,
        cohort_date,
        activity_date,
        next_date,
        case when previous_date >= cohort_date then previous_date end as previous_date
    from visits
),

{% for period in periods %}
{{ period }}_numbered as (
    select
        version,
        app_id,
        segment_key,
        {{ period_start_of('cohort_date', period) }} as cohort_date,
        {{ periods_between(
            period_start_of('cohort_date', period), period_start_of('activity_date', period), period
        ) }} as period_n,
        {{ periods_between(
            period_start_of('cohort_date', period), period_start_of('previous_date', period), period
        ) }} as previous_n,
        {{ periods_between(
            period_start_of('cohort_date', period), period_start_of('next_date', period), period
        ) }} as next_n
    from cohort_visits
),

-- A user last seen beyond the horizon has returned on or after every period within it.
{{ period }}_active as (
    select
        app_id,
        '{{ period }}' as period,
        cohort_date,
        segment_key,
        least(period_n, {{ horizon(period) }}) as period_n,
        sum(
            case
                when period_n <= {{ horizon(period) }} and (previous_n is null or previous_n < period_n) then version
                else 0
            end
        ) as active_users,
        sum(case when next_n is null then version else 0 end) as last_active_users,
        sum(
            case
                when
                    period_n <= {{ horizon(period) }} and (next_n is null or next_n > {{ horizon(period) }})
                    then version
                else 0
            end
        ) as last_active_users_to_horizon,
        0 as window_users
    from {{ period }}_numbered
    group by app_id, cohort_date, segment_key, least(period_n, {{ horizon(period) }})
),

{% endfor %}
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
    {% for period in periods %}
    select * from {{ period }}_active
    union all
    select * from {{ period }}_active_windows
    {% if not loop.last %}union all{% endif %}
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
