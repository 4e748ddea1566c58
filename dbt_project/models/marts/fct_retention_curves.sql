with

triangle as (
    select * from {{ ref('fct_cohort_retention_daily') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

days as (
    select cast(generated_number - 1 as {{ dbt.type_int() }}) as day_n
    from ({{ dbt.generate_series(var('horizon_days') + 1) }}) as numbers
),

points as (
    select
        watermarks.app_id,
        days.day_n,
        {{ add_days('watermarks.first_activity_date', 'days.day_n') }} as completes_on
    from watermarks
    cross join days
    where watermarks.first_activity_date is not null
),

pooled as (
    select
        app_id,
        day_n,
        count(distinct cohort_date) as cohorts,
        cast(sum(eligible_users) as {{ dbt.type_bigint() }}) as eligible_users,
        cast(sum(retained_users) as {{ dbt.type_bigint() }}) as retained_users,
        cast(sum(returned_users) as {{ dbt.type_bigint() }}) as returned_users
    from triangle
    where is_complete
    group by app_id, day_n
),

by_definition as (
    select
        app_id,
        day_n,
        'classic' as definition,
        cohorts,
        eligible_users,
        retained_users
    from pooled
    union all
    select
        app_id,
        day_n,
        'unbounded' as definition,
        cohorts,
        eligible_users,
        returned_users as retained_users
    from pooled
),

definitions as (
    select 'classic' as definition
    union all
    select 'unbounded' as definition
),

final as (
    select
        points.app_id,
        definitions.definition,
        'day' as period,
        points.day_n as period_n,
        points.day_n as period_n_end,
        by_definition.eligible_users,
        by_definition.retained_users,
        {{ rate('by_definition.retained_users', 'by_definition.eligible_users') }} as retention_rate,
        {{ wilson_bound('by_definition.retained_users', 'by_definition.eligible_users', 'low') }} as ci_low,
        {{ wilson_bound('by_definition.retained_users', 'by_definition.eligible_users', 'high') }} as ci_high,
        coalesce(by_definition.cohorts, 0) as cohorts,
        by_definition.cohorts is not null as is_complete,
        points.completes_on
    from points
    cross join definitions
    left join by_definition
        on
            points.app_id = by_definition.app_id
            and points.day_n = by_definition.day_n
            and definitions.definition = by_definition.definition
)

select * from final
