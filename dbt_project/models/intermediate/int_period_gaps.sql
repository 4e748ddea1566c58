{%- set periods = ['day', 'week', 'month'] -%}
{%- set longest_gap = [var('mau_days'), 7] | max -%}
with

user_days as (
    select * from {{ ref('int_user_days') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

reported_days as (
    select
        user_days.app_id,
        user_days.user_key,
        user_days.activity_date
    from user_days
    inner join watermarks
        on
            user_days.app_id = watermarks.app_id
            and user_days.activity_date <= watermarks.watermark
),

{% for period in periods %}
{{ period }}_visits as (
    select{% if period != 'day' %} distinct{% endif %}
        app_id,
        user_key,
        {{ period_start_of('activity_date', period) }} as period_start
    from reported_days
),

{{ period }}_neighbours as (
    select
        app_id,
        period_start,
        lag(period_start) over user_history as previous_start,
        lead(period_start) over user_history as next_start
    from {{ period }}_visits
    window user_history as (partition by app_id, user_key order by period_start)
),

{{ period }}_gaps as (
    select
        app_id,
        period_start,
        '{{ period }}' as period,
        {{ periods_between('previous_start', 'period_start', period) }} as periods_since_previous,
        {{ periods_between('period_start', 'next_start', period) }} as periods_until_next
    from {{ period }}_neighbours
),

{% endfor %}
gaps as (
    {% for period in periods %}
    select * from {{ period }}_gaps
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Gaps beyond the longest rolling window are all alike; capping them keeps the table small. The cap
-- must leave NULL alone, which least() does not do on every engine.
capped as (
    select
        app_id,
        period,
        period_start,
        case
            when periods_since_previous > {{ longest_gap }} then {{ longest_gap }}
            else periods_since_previous
        end as periods_since_previous,
        case
            when periods_until_next > {{ longest_gap }} then {{ longest_gap }}
            else periods_until_next
        end as periods_until_next
    from gaps
),

final as (
    select
        app_id,
        period,
        period_start,
        periods_since_previous,
        periods_until_next,
        count(*) as users
    from capped
    group by app_id, period, period_start, periods_since_previous, periods_until_next
)

select * from final
