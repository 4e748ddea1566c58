{%- set periods = ['day', 'week', 'month'] -%}
with

gaps as (
    select * from {{ ref('int_period_gaps') }}
),

calendar as (
    select * from {{ ref('int_app_calendar') }}
),

app_periods as (
    {% for period in periods %}
    select distinct
        app_id,
        '{{ period }}' as period,
        {{ period_start_of('activity_date', period) }} as period_start,
        {{ add_days(next_period_start(period_start_of('activity_date', period), period), -1) }} as completes_on,
        watermark
    from calendar
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

arrivals as (
    select
        app_id,
        period,
        period_start,
        sum(users) as active,
        sum(case when periods_since_previous is null then users else 0 end) as new,
        sum(case when periods_since_previous = 1 then users else 0 end) as retained,
        sum(case when periods_since_previous > 1 then users else 0 end) as resurrected
    from gaps
    group by app_id, period, period_start
),

-- Users who are not back in the very next period churn in it.
departures as (
    {% for period in periods %}
    select
        app_id,
        period,
        {{ next_period_start('period_start', period) }} as period_start,
        sum(users) as churned
    from gaps
    where
        period = '{{ period }}'
        and (periods_until_next is null or periods_until_next > 1)
    group by app_id, period, period_start
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

counted as (
    select
        app_periods.app_id,
        app_periods.period,
        app_periods.period_start,
        app_periods.completes_on,
        app_periods.completes_on <= app_periods.watermark as is_complete,
        cast(coalesce(arrivals.active, 0) as {{ dbt.type_bigint() }}) as active,
        cast(coalesce(arrivals.new, 0) as {{ dbt.type_bigint() }}) as new,
        cast(coalesce(arrivals.retained, 0) as {{ dbt.type_bigint() }}) as retained,
        cast(coalesce(arrivals.resurrected, 0) as {{ dbt.type_bigint() }}) as resurrected,
        cast(coalesce(departures.churned, 0) as {{ dbt.type_bigint() }}) as churned
    from app_periods
    left join arrivals
        on
            app_periods.app_id = arrivals.app_id
            and app_periods.period = arrivals.period
            and app_periods.period_start = arrivals.period_start
    left join departures
        on
            app_periods.app_id = departures.app_id
            and app_periods.period = departures.period
            and app_periods.period_start = departures.period_start
),

final as (
    select
        app_id,
        period,
        period_start,
        case when is_complete then active end as active,
        case when is_complete then new end as new,
        case when is_complete then retained end as retained,
        case when is_complete then resurrected end as resurrected,
        case when is_complete then churned end as churned,
        case when is_complete then {{ rate('(new + resurrected)', 'churned') }} end as quick_ratio,
        is_complete,
        completes_on
    from counted
)

select * from final
