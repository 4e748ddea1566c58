{%- set periods = {'day': 'day_n', 'week': 'week_n', 'month': 'month_n'} -%}
with

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

retention_counts as (
    select * from {{ ref('int_retention_counts') }}
),

bracket_counts as (
    select * from {{ ref('int_bracket_counts') }}
),

triangles as (
    {% for period, n in periods.items() %}
    select
        app_id,
        '{{ period }}' as period,
        cohort_date,
        {{ n }} as period_n,
        cohort_users,
        retained_users,
        returned_users,
        retained_users_24h,
        completes_on,
        completes_on_24h,
        has_missing_days
    from {{ ref('fct_cohort_retention_' ~ {'day': 'daily', 'week': 'weekly', 'month': 'monthly'}[period]) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

cohort_cells as (
    select
        app_id,
        period,
        cohort_date,
        period_n,
        completes_on,
        completes_on_24h,
        sum(cohort_users) as cohort_users,
        sum(retained_users) as retained_users,
        sum(returned_users) as returned_users,
        sum(retained_users_24h) as retained_users_24h,
        max(case when has_missing_days then 1 else 0 end) as missing
    from triangles
    group by app_id, period, cohort_date, period_n, completes_on, completes_on_24h
),

last_active_to_horizon as (
    select
        app_id,
        period,
        cohort_date,
        period_n,
        sum(last_active_users_to_horizon) as users
    from retention_counts
    group by app_id, period, cohort_date, period_n
),

returned_to_horizon as (
    select
        cohort_cells.app_id,
        cohort_cells.period,
        cohort_cells.cohort_date,
        cohort_cells.period_n,
        cohort_cells.cohort_users,
        max(cohort_cells.completes_on) over (
            partition by cohort_cells.app_id, cohort_cells.period, cohort_cells.cohort_date
        ) as completes_on,
        sum(coalesce(last_active_to_horizon.users, 0)) over (
            partition by cohort_cells.app_id, cohort_cells.period, cohort_cells.cohort_date
            order by cohort_cells.period_n desc
            rows between unbounded preceding and current row
        ) as retained_users,
        max(cohort_cells.missing) over (
            partition by cohort_cells.app_id, cohort_cells.period, cohort_cells.cohort_date
            order by cohort_cells.period_n desc
            rows between unbounded preceding and current row
        ) as missing
    from cohort_cells
    left join last_active_to_horizon
        on
            cohort_cells.app_id = last_active_to_horizon.app_id
            and cohort_cells.period = last_active_to_horizon.period
            and cohort_cells.cohort_date = last_active_to_horizon.cohort_date
            and cohort_cells.period_n = last_active_to_horizon.period_n
),

brackets as (
    select * from {{ ref('int_brackets') }}
),

missing_up_to as (
    select
        app_id,
        period,
        cohort_date,
        period_n,
        sum(missing) over (
            partition by app_id, period, cohort_date
            order by period_n
            rows between unbounded preceding and current row
        ) as missing_cells
    from cohort_cells
),

in_brackets as (
    select
        cohort_cells.app_id,
        cohort_cells.period,
        cohort_cells.cohort_date,
        brackets.first_n,
        brackets.last_n,
        cohort_cells.completes_on,
        cohort_cells.cohort_users,
        coalesce(bracket_counts.users, 0) as retained_users,
        case
            when ends.missing_cells > coalesce(before.missing_cells, 0) then 1 else 0
        end as missing
    from cohort_cells
    inner join brackets
        on
            cohort_cells.period = brackets.period
            and cohort_cells.period_n = brackets.last_n
    inner join missing_up_to as ends
        on
            cohort_cells.app_id = ends.app_id
            and cohort_cells.period = ends.period
            and cohort_cells.cohort_date = ends.cohort_date
            and brackets.last_n = ends.period_n
    left join missing_up_to as before
        on
            cohort_cells.app_id = before.app_id
            and cohort_cells.period = before.period
            and cohort_cells.cohort_date = before.cohort_date
            and brackets.first_n - 1 = before.period_n
    left join bracket_counts
        on
            cohort_cells.app_id = bracket_counts.app_id
            and cohort_cells.period = bracket_counts.period
            and cohort_cells.cohort_date = bracket_counts.cohort_date
            and brackets.first_n = bracket_counts.first_n
            and brackets.last_n = bracket_counts.last_n
),

by_definition as (
    {% for definition, retained_users in
        {'classic': 'retained_users', 'unbounded': 'returned_users', 'window_24h': 'retained_users_24h'}.items()
    %}
    select
        app_id,
        '{{ definition }}' as definition,
        period,
        cohort_date,
        period_n,
        period_n as period_n_end,
        {{ 'completes_on_24h' if definition == 'window_24h' else 'completes_on' }} as completes_on,
        cohort_users,
        {{ retained_users }} as retained_users,
        missing
    from cohort_cells
    union all
    {% endfor %}
    select
        app_id,
        'unbounded_to_horizon' as definition,
        period,
        cohort_date,
        period_n,
        {{ horizon_of('period') }} as period_n_end,
        completes_on,
        cohort_users,
        retained_users,
        missing
    from returned_to_horizon
    union all
    select
        app_id,
        'bracket' as definition,
        period,
        cohort_date,
        first_n as period_n,
        last_n as period_n_end,
        completes_on,
        cohort_users,
        retained_users,
        missing
    from in_brackets
),

pooled as (
    select
        by_definition.app_id,
        by_definition.definition,
        by_definition.period,
        by_definition.period_n,
        by_definition.period_n_end,
        min(by_definition.completes_on) as completes_on,
        count(case when by_definition.completes_on <= watermarks.watermark then 1 end) as cohorts,
        sum(
            case when by_definition.completes_on <= watermarks.watermark then by_definition.cohort_users end
        ) as eligible_users,
        sum(
            case when by_definition.completes_on <= watermarks.watermark then by_definition.retained_users end
        ) as retained_users,
        sum(
            case
                when by_definition.completes_on <= watermarks.watermark
                    then by_definition.missing * by_definition.cohort_users
            end
        ) as users_missing_days
    from by_definition
    inner join watermarks on by_definition.app_id = watermarks.app_id
    group by
        by_definition.app_id,
        by_definition.definition,
        by_definition.period,
        by_definition.period_n,
        by_definition.period_n_end
),

final as (
    select
        app_id,
        definition,
        period,
        period_n,
        cast(period_n_end as {{ dbt.type_int() }}) as period_n_end,
        cast(eligible_users as {{ dbt.type_bigint() }}) as eligible_users,
        cast(retained_users as {{ dbt.type_bigint() }}) as retained_users,
        {{ rate('retained_users', 'eligible_users') }} as retention_rate,
        {{ wilson_bound('retained_users', 'eligible_users', 'low') }} as ci_low,
        {{ wilson_bound('retained_users', 'eligible_users', 'high') }} as ci_high,
        cohorts,
        cohorts > 0 as is_complete,
        completes_on,
        cast(users_missing_days as {{ dbt.type_bigint() }}) as users_missing_days
    from pooled
)

select * from final
