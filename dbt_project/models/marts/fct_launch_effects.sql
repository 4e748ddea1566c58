{%- set days = var('launch_window_days') -%}
with

launch_notes as (
    select * from {{ ref('stg_launch_notes') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

cohort_sizes as (
    select * from {{ ref('int_cohort_sizes') }}
),

retention_counts as (
    select * from {{ ref('int_retention_counts') }}
    where period = 'day'
),

compared_days as (
    {% for n in var('launch_effect_days') if n <= horizon('day') %}
    select {{ n }} as day_n
    union all
    {% endfor %}
    select cast(null as {{ dbt.type_int() }}) as day_n
),

comparisons as (
    select
        launch_notes.*,
        compared_days.day_n,
        {{ add_days('launch_notes.note_date', (days - 1) ~ ' + compared_days.day_n') }} as completes_on,
        coalesce(
            {{ add_days('launch_notes.note_date', (days - 1) ~ ' + compared_days.day_n') }} <= watermarks.watermark,
            false
        ) as is_complete,
        {{ add_days('watermarks.watermark', '0 - compared_days.day_n') }} as last_complete_cohort_date
    from launch_notes
    inner join compared_days on compared_days.day_n is not null
    left join watermarks on launch_notes.app_id = watermarks.app_id
),

cohorts as (
    select
        app_id,
        cohort_date,
        sum(users) as users
    from cohort_sizes
    group by app_id, cohort_date
    having sum(users) > 0
),

retained as (
    select
        app_id,
        cohort_date,
        period_n,
        sum(active_users) as users
    from retention_counts
    group by app_id, cohort_date, period_n
),

compared_cohorts as (
    select
        comparisons.app_id,
        comparisons.note_date,
        comparisons.kind,
        comparisons.title,
        comparisons.day_n,
        cohorts.cohort_date >= comparisons.note_date as is_after,
        cohorts.users,
        coalesce(retained.users, 0) as retained_users
    from comparisons
    inner join cohorts
        on
            comparisons.app_id = cohorts.app_id
            and cohorts.cohort_date >= {{ add_days('comparisons.note_date', 0 - days) }}
            and cohorts.cohort_date < {{ add_days('comparisons.note_date', days) }}
            and cohorts.cohort_date <= comparisons.last_complete_cohort_date
    left join retained
        on
            cohorts.app_id = retained.app_id
            and cohorts.cohort_date = retained.cohort_date
            and comparisons.day_n = retained.period_n
),

sides as (
    select
        app_id,
        note_date,
        kind,
        title,
        day_n,
        is_after,
        count(*) as cohorts,
        sum(users) as users,
        sum(retained_users) as retained_users,
        {{ rate('sum(retained_users)', 'sum(users)') }} as retention_rate
    from compared_cohorts
    group by app_id, note_date, kind, title, day_n, is_after
),

-- How far each cohort's retained users are from what its side's rate lets one expect, in units of
-- the variance that independent users would have.
scattered as (
    select
        compared_cohorts.app_id,
        compared_cohorts.note_date,
        compared_cohorts.kind,
        compared_cohorts.title,
        compared_cohorts.day_n,
        sum(case
            when sides.retention_rate > 0 and sides.retention_rate < 1
                then
                    (compared_cohorts.retained_users - compared_cohorts.users * sides.retention_rate)
                    * (compared_cohorts.retained_users - compared_cohorts.users * sides.retention_rate)
                    / (compared_cohorts.users * sides.retention_rate * (1 - sides.retention_rate))
            else 0
        end) as chi_square
    from compared_cohorts
    inner join sides
        on
            compared_cohorts.app_id = sides.app_id
            and compared_cohorts.note_date = sides.note_date
            and compared_cohorts.kind = sides.kind
            and compared_cohorts.title = sides.title
            and compared_cohorts.day_n = sides.day_n
            and compared_cohorts.is_after = sides.is_after
    group by
        compared_cohorts.app_id,
        compared_cohorts.note_date,
        compared_cohorts.kind,
        compared_cohorts.title,
        compared_cohorts.day_n
),

joined as (
    select
        comparisons.*,
        before.users as users_before,
        after.users as users_after,
        before.retained_users as retained_before,
        after.retained_users as retained_after,
        before.retention_rate as rate_before,
        after.retention_rate as rate_after,
        before.cohorts + after.cohorts - 2 as degrees_of_freedom,
        scattered.chi_square
    from comparisons
    {% for side, is_after in {'before': 'false', 'after': 'true'}.items() %}
    left join sides as {{ side }}
        on
            comparisons.app_id = {{ side }}.app_id
            and comparisons.note_date = {{ side }}.note_date
            and comparisons.kind = {{ side }}.kind
            and comparisons.title = {{ side }}.title
            and comparisons.day_n = {{ side }}.day_n
            and {{ side }}.is_after = {{ is_after }}
    {% endfor %}
    left join scattered
        on
            comparisons.app_id = scattered.app_id
            and comparisons.note_date = scattered.note_date
            and comparisons.kind = scattered.kind
            and comparisons.title = scattered.title
            and comparisons.day_n = scattered.day_n
),

-- Rounded, since a sum of fractions depends on its order in the last digits.
with_noise as (
    select
        *,
        round(rate_after - rate_before, 12) as difference,
        case
            when degrees_of_freedom > 0
                then greatest(cast(1 as double), round(chi_square / degrees_of_freedom, 6))
        end as noise
    from joined
),

-- A cohort-to-cohort variance of so many times that of independent users is worth as many times fewer
-- users.
bounded as (
    select
        *,
        {% for side in ['before', 'after'] %}
        {% for bound in ['low', 'high'] %}
        {{ wilson_bound('retained_' ~ side ~ ' / noise', 'users_' ~ side ~ ' / noise', bound) }} as {{ side }}_{{ bound }}{{ ',' if not (side == 'after' and bound == 'high') }}
        {% endfor %}
        {% endfor %}
    from with_noise
),

with_interval as (
    select
        *,
        round(difference - sqrt(
            (rate_after - after_low) * (rate_after - after_low)
            + (before_high - rate_before) * (before_high - rate_before)
        ), 12) as ci_low,
        round(difference + sqrt(
            (after_high - rate_after) * (after_high - rate_after)
            + (rate_before - before_low) * (rate_before - before_low)
        ), 12) as ci_high
    from bounded
),

final as (
    select
        app_id,
        note_date,
        kind,
        title,
        day_n,
        {{ days }} as window_days,
        cast(users_before as {{ dbt.type_bigint() }}) as users_before,
        cast(users_after as {{ dbt.type_bigint() }}) as users_after,
        rate_before,
        rate_after,
        difference,
        ci_low,
        ci_high,
        noise,
        ci_low > 0 or ci_high < 0 as is_beyond_noise,
        is_complete,
        completes_on
    from with_interval
)

select * from final
