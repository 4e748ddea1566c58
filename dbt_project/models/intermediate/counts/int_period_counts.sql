{%- set periods = ['day', 'week', 'month'] -%}
{{ config(unique_key=['app_id', 'period', 'period_start']) }}
with

visits as (
    select * from {{ ref('int_user_visits') }}
),

{% for period in periods %}
{{ period }}_visits as (
    select
        version,
        app_id,
        {{ period_start_of('activity_date', period) }} as period_start,
        {{ period_start_of('previous_date', period) }} as previous_start,
        {{ period_start_of('next_date', period) }} as next_start
    from visits
),

{{ period }}_spaced as (
    select
        version,
        app_id,
        period_start,
        {{ periods_between('previous_start', 'period_start', period) }} as periods_since_previous,
        {{ add_periods('period_start', period, 1) }} as following_start,
        {{ periods_between('period_start', 'next_start', period) }} as periods_until_next
    from {{ period }}_visits
),

{% endfor %}
-- Of several visits within one period, the first one tells how the user arrived.
arrivals as (
    {% for period in periods %}
    select
        app_id,
        '{{ period }}' as period,
        period_start,
        sum(version) as active,
        sum(case when periods_since_previous is null then version else 0 end) as new,
        sum(case when periods_since_previous = 1 then version else 0 end) as retained,
        sum(case when periods_since_previous > 1 then version else 0 end) as resurrected,
        0 as churned
    from {{ period }}_spaced
    where periods_since_previous is null or periods_since_previous > 0
    group by app_id, period_start
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- A user who is not back in the very next period churns in it.
departures as (
    {% for period in periods %}
    select
        app_id,
        '{{ period }}' as period,
        following_start as period_start,
        0 as active,
        0 as new,
        0 as retained,
        0 as resurrected,
        sum(version) as churned
    from {{ period }}_spaced
    where periods_until_next is null or periods_until_next > 1
    group by app_id, following_start
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

movements as (
    select * from arrivals
    union all
    select * from departures
),

changes as (
    select
        app_id,
        period,
        period_start,
        sum(active) as active,
        sum(new) as new,
        sum(retained) as retained,
        sum(resurrected) as resurrected,
        sum(churned) as churned
    from movements
    group by app_id, period, period_start
),

final as (
    select
        changes.app_id,
        changes.period,
        changes.period_start,
        {{ plus_standing('changes', 'active') }} as active,
        {{ plus_standing('changes', 'new') }} as new,
        {{ plus_standing('changes', 'retained') }} as retained,
        {{ plus_standing('changes', 'resurrected') }} as resurrected,
        {{ plus_standing('changes', 'churned') }} as churned
    from changes {{ join_standing('changes', ['app_id', 'period', 'period_start']) }}
)

select * from final
