-- The users whose behaviour is told apart are those of the cohorts looked at, and as many are retained.
{%- set outcomes = var('behaviour_outcome_days') %}
with

behaviour as (
    select * from {{ ref('fct_retention_by_behaviour') }}
    where behaviour = 'active_days'
),

cells as (
    select * from {{ ref('fct_cohort_retention_daily') }}
    where is_complete
),

windows as (
    select * from {{ ref('int_behaviour_windows') }}
),

observed as (
    select
        app_id,
        outcome_day_n,
        sum(users) as users,
        sum(retained_users) as retained_users
    from behaviour
    group by app_id, outcome_day_n
),

expected as (
    {% for n in outcomes if n <= horizon('day') %}
    select
        cells.app_id,
        {{ n }} as outcome_day_n,
        sum(cells.eligible_users) as users,
        sum(cells.retained_users) as retained_users
    from cells
    inner join windows
        on
            cells.app_id = windows.app_id
            and cells.cohort_date >= windows.first_cohort_date
            and cells.cohort_date > {{ add_days('windows.watermark', 0 - n - var('behaviour_cohort_days')) }}
    where cells.day_n = {{ n }}
    group by cells.app_id
    union all
    {% endfor %}
    select
        cast(null as {{ dbt.type_string() }}) as app_id,
        cast(null as {{ dbt.type_int() }}) as outcome_day_n,
        cast(null as {{ dbt.type_bigint() }}) as users,
        cast(null as {{ dbt.type_bigint() }}) as retained_users
)

select
    expected.*,
    observed.users as users_observed,
    observed.retained_users as retained_users_observed
from expected
left join observed
    on
        expected.app_id = observed.app_id
        and expected.outcome_day_n = observed.outcome_day_n
where
    expected.app_id is not null
    and (
        observed.users is null
        or observed.users <> expected.users
        or observed.retained_users <> expected.retained_users
    )
