{%- set periods = ['day', 'week', 'month'] -%}
with

period_counts as (
    select * from {{ ref('int_period_counts') }}
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
        {{ add_days(add_periods(period_start_of('activity_date', period), period, 1), -1) }} as completes_on,
        watermark
    from calendar
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
        coalesce(period_counts.active, 0) as active,
        coalesce(period_counts.new, 0) as new,
        coalesce(period_counts.retained, 0) as retained,
        coalesce(period_counts.resurrected, 0) as resurrected,
        coalesce(period_counts.churned, 0) as churned
    from app_periods
    left join period_counts
        on
            app_periods.app_id = period_counts.app_id
            and app_periods.period = period_counts.period
            and app_periods.period_start = period_counts.period_start
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
