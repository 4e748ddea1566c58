{#-
    The retention triangle of a period: one row per app, cohort period, segment and period_n from 0 to
    the horizon. n is what the period's number is called: day_n, week_n or month_n.
-#}
{% macro cohort_retention(period, n) -%}
{%- set grain = ['app_id', 'cohort_date', 'platform', 'country', 'channel', 'app_version'] -%}
with

cohort_sizes as (
    select * from {{ ref('int_cohort_sizes') }}
),

segments as (
    select * from {{ ref('int_segments') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

retention_counts as (
    select * from {{ ref('int_retention_counts') }}
    where period = '{{ period }}'
),

missing_periods as (
    select distinct
        app_id,
        {{ period_start_of('missing_date', period) }} as period_start
    from {{ ref('int_missing_days') }}
    where is_missing
),

period_numbers as (
    select cast(generated_number - 1 as {{ dbt.type_int() }}) as {{ n }}
    from ({{ dbt.generate_series(horizon(period) + 1) }}) as numbers
),

sizes as (
    select
        app_id,
        {{ period_start_of('cohort_date', period) }} as cohort_date,
        segment_key,
        users
    from cohort_sizes
),

cohorts as (
    select
        sizes.app_id,
        sizes.cohort_date,
        sizes.segment_key,
        cast(sum(sizes.users) as {{ dbt.type_bigint() }}) as cohort_users
    from sizes
    {% if by_arrival() %}
    inner join ({{ changed_cohorts(period) }}) as changed
        on sizes.app_id = changed.app_id and sizes.cohort_date = changed.cohort_date
    {% endif %}
    group by sizes.app_id, sizes.cohort_date, sizes.segment_key
    having sum(sizes.users) > 0
),

named_cohorts as (
    select
        cohorts.app_id,
        cohorts.cohort_date,
        cohorts.segment_key,
        segments.platform,
        segments.country,
        segments.channel,
        segments.app_version,
        cohorts.cohort_users,
        watermarks.watermark,
        {{ day_begins_at(add_periods('cohorts.cohort_date', period, 1)) }} as started_before
    from cohorts
    inner join segments on cohorts.segment_key = segments.segment_key
    inner join watermarks on cohorts.app_id = watermarks.app_id
),

cells as (
    select
        named_cohorts.*,
        period_numbers.{{ n }},
        {{ add_periods('named_cohorts.cohort_date', period, 'period_numbers.' ~ n) }} as activity_date,
        {{ add_days(
            add_periods('named_cohorts.cohort_date', period, 'period_numbers.' ~ n ~ ' + 1'), -1
        ) }} as completes_on,
        {{ reporting_day(just_before_hours_after(
            'named_cohorts.started_before', '(period_numbers.' ~ n ~ ' + 1) * ' ~ window_hours(period)
        )) }} as completes_on_24h
    from named_cohorts
    cross join period_numbers
),

-- Who was last active in period k has returned in or after every period up to k: unbounded retention
-- is the sum of last active users from the far end of the triangle.
counted as (
    select
        cells.*,
        cells.completes_on <= cells.watermark as is_complete,
        cells.completes_on_24h <= cells.watermark as is_complete_24h,
        coalesce(retention_counts.active_users, 0) as active_users,
        coalesce(retention_counts.window_users, 0) as active_users_24h,
        missing_starts.app_id is not null or missing_returns.app_id is not null as has_missing_days,
        sum(coalesce(retention_counts.last_active_users, 0)) over (
            partition by cells.app_id, cells.cohort_date, cells.segment_key
            order by cells.{{ n }} desc
            rows between unbounded preceding and current row
        ) as active_on_or_after
    from cells
    left join retention_counts
        on
            cells.app_id = retention_counts.app_id
            and cells.cohort_date = retention_counts.cohort_date
            and cells.segment_key = retention_counts.segment_key
            and cells.{{ n }} = retention_counts.period_n
    left join missing_periods as missing_starts
        on
            cells.app_id = missing_starts.app_id
            and cells.cohort_date = missing_starts.period_start
    left join missing_periods as missing_returns
        on
            cells.app_id = missing_returns.app_id
            and cells.activity_date = missing_returns.period_start
),

final as (
    select
        {% for column in grain %}
        {{ column }},
        {% endfor %}
        {{ n }},
        activity_date,
        cohort_users,
        case when is_complete then cohort_users end as eligible_users,
        case when is_complete then active_users end as retained_users,
        case
            when is_complete then cast(active_on_or_after as {{ dbt.type_bigint() }})
        end as returned_users,
        case when is_complete_24h then active_users_24h end as retained_users_24h,
        is_complete,
        completes_on,
        completes_on_24h,
        has_missing_days
    from counted
)

select * from final
{%- endmacro %}

{#-
    The cohorts whose rows of the triangle may be others than those that stand: those of users whom this
    build changes, before or now, those of which the watermark has not passed the last window by days, and
    those of which a day lacks now, or no more. Windows of 24 hours complete up to two periods later than
    calendar periods.
-#}
{% macro changed_cohorts(period) -%}
    {%- set cohort_date = period_start_of('cohort_sizes.cohort_date', period) -%}
    select
        app_id,
        {{ period_start_of('cohort_date', period) }} as cohort_date
    from {{ ref('int_user_cohorts') }}
    where cohort_date is not null
    union distinct
    select
        cohort_sizes.app_id,
        {{ cohort_date }} as cohort_date
    from {{ ref('int_cohort_sizes') }} as cohort_sizes
    inner join {{ ref('int_watermark_moves') }} as moves on cohort_sizes.app_id = moves.app_id
    where
        moves.previous_watermark is null
        or moves.watermark is null
        or {{ add_periods(cohort_date, period, horizon(period) + 3) }} > least(moves.previous_watermark, moves.watermark)
    union distinct
    select
        cohort_sizes.app_id,
        {{ cohort_date }} as cohort_date
    from {{ ref('int_cohort_sizes') }} as cohort_sizes
    inner join {{ ref('int_missing_days') }} as days on cohort_sizes.app_id = days.app_id
    where
        days.is_missing <> days.was_missing
        and {{ cohort_date }} <= days.missing_date
        and {{ add_periods(cohort_date, period, horizon(period) + 1) }} > days.missing_date
{%- endmacro %}
