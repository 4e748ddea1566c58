{%- set periods = ['day', 'week', 'month'] -%}
{{ config(unique_key=['app_id', 'period', 'cohort_date', 'first_n', 'last_n']) }}
with

visits as (
    select * from {{ ref('int_user_visits') }}
    where activity_date >= cohort_date
),

cohort_visits as (
    select
        version,
        app_id,
        cohort_date,
        activity_date,
        case when previous_date >= cohort_date then previous_date end as previous_date
    from visits
),

{% for period in periods %}
{{ period }}_numbered as (
    select
        version,
        app_id,
        {{ period_start_of('cohort_date', period) }} as cohort_date,
        {{ periods_between(
            period_start_of('cohort_date', period), period_start_of('activity_date', period), period
        ) }} as period_n,
        {{ periods_between(
            period_start_of('cohort_date', period), period_start_of('previous_date', period), period
        ) }} as previous_n
    from cohort_visits
),

{% endfor %}
-- A user counts once per bracket, with the first visit in it.
counted as (
    {% for period in periods %}
    {%- for first_n, last_n in brackets(period) %}
    select
        app_id,
        '{{ period }}' as period,
        cohort_date,
        {{ first_n }} as first_n,
        {{ last_n }} as last_n,
        sum(version) as users
    from {{ period }}_numbered
    where
        period_n between {{ first_n }} and {{ last_n }}
        and (previous_n is null or previous_n < {{ first_n }})
    group by app_id, cohort_date
    union all
    {%- endfor %}
    {%- endfor %}
    select
        app_id,
        'none' as period,
        cohort_date,
        0 as first_n,
        0 as last_n,
        0 as users
    from cohort_visits
    where 1 = 0
),

changes as (
    select
        app_id,
        period,
        cohort_date,
        first_n,
        last_n,
        users
    from counted
),

final as (
    select
        changes.app_id,
        changes.period,
        changes.cohort_date,
        changes.first_n,
        changes.last_n,
        {{ plus_standing('changes', 'users') }} as users
    from changes {{ join_standing('changes', ['app_id', 'period', 'cohort_date', 'first_n', 'last_n']) }}
)

select * from final
