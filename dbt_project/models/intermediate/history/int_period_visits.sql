{%- set periods = ['day', 'week', 'month'] -%}
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
{{ period }}_starts as (
    select
        version,
        app_id,
        segment_key,
        {{ period_start_of('cohort_date', period) }} as cohort_date,
        {{ period_start_of('activity_date', period) }} as activity_start,
        {{ period_start_of('previous_date', period) }} as previous_start,
        {{ period_start_of('next_date', period) }} as next_start
    from cohort_visits
),

{% endfor %}
final as (
    {% for period in periods %}
    select
        version,
        app_id,
        segment_key,
        '{{ period }}' as period,
        cohort_date,
        {{ periods_between('cohort_date', 'activity_start', period) }} as period_n,
        {{ periods_between('cohort_date', 'previous_start', period) }} as previous_n,
        {{ periods_between('cohort_date', 'next_start', period) }} as next_n
    from {{ period }}_starts
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from final
