{%- set periods = ['day', 'week', 'month'] -%}
with

period_counts as (
    select * from {{ ref('int_period_counts') }}
),

calendar as (
    select * from {{ ref('int_app_calendar') }}
),

missing_days as (
    select
        app_id,
        missing_date
    from {{ ref('int_missing_days') }}
    where is_missing
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

-- Who is retained, has churned or is back is told by the period before as well.
missing_periods as (
    {% for period in periods %}
    {% for later in [0, 1] %}
    select
        app_id,
        '{{ period }}' as period,
        {{ add_periods(period_start_of('missing_date', period), period, later) }} as period_start
    from missing_days
    {% if not loop.last %}union distinct{% endif %}
    {% endfor %}
    {% if not loop.last %}union distinct{% endif %}
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
        coalesce(period_counts.churned, 0) as churned,
        missing_periods.app_id is not null as has_missing_days
    from app_periods
    left join period_counts
        on
            app_periods.app_id = period_counts.app_id
            and app_periods.period = period_counts.period
            and app_periods.period_start = period_counts.period_start
    left join missing_periods
        on
            app_periods.app_id = missing_periods.app_id
            and app_periods.period = missing_periods.period
            and app_periods.period_start = missing_periods.period_start
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
        completes_on,
        has_missing_days
    from counted
)

select * from final
