-- A curve is the triangle of its period summed up, and nothing else.
{%- set triangles = {
    'day': ['fct_cohort_retention_daily', 'day_n'],
    'week': ['fct_cohort_retention_weekly', 'week_n'],
    'month': ['fct_cohort_retention_monthly', 'month_n'],
} %}
with

{% for period, (mart, n) in triangles.items() %}
{{ period }}_triangle as (
    select
        app_id,
        '{{ period }}' as period,
        {{ n }} as period_n,
        sum(eligible_users) as eligible_users,
        sum(retained_users) as classic_users,
        sum(returned_users) as unbounded_users,
        sum(case when retained_users_24h is not null then cohort_users end) as eligible_users_24h,
        sum(retained_users_24h) as window_24h_users
    from {{ ref(mart) }}
    group by app_id, {{ n }}
),

{% endfor %}
triangle as (
    {% for period in triangles %}
    select * from {{ period }}_triangle
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

curves as (
    select * from {{ ref('fct_retention_curves') }}
    where definition in ('classic', 'unbounded', 'window_24h')
),

compared as (
    select
        curves.*,
        case
            when curves.definition = 'window_24h' then triangle.eligible_users_24h
            else triangle.eligible_users
        end as triangle_eligible_users,
        case curves.definition
            when 'classic' then triangle.classic_users
            when 'unbounded' then triangle.unbounded_users
            when 'window_24h' then triangle.window_24h_users
        end as triangle_retained_users
    from curves
    left join triangle
        on
            curves.app_id = triangle.app_id
            and curves.period = triangle.period
            and curves.period_n = triangle.period_n
)

select * from compared
where
    coalesce(eligible_users, -1) <> coalesce(triangle_eligible_users, -1)
    or coalesce(retained_users, -1) <> coalesce(triangle_retained_users, -1)
    or not (ci_low <= retention_rate and retention_rate <= ci_high)
