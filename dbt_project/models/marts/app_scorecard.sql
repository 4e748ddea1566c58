{%- set days = [1, 7, 30, 60] -%}
with

apps as (
    select * from {{ ref('dim_apps') }}
    where is_tracked
),

curves as (
    select * from {{ ref('fct_retention_curves') }}
    where definition = 'classic' and period = 'day'
),

cohort_sizes as (
    select * from {{ ref('int_cohort_sizes') }}
    where users > 0
),

peaks as (
    select * from {{ ref('int_app_peaks') }}
    where peak_kind = 'rank'
),

verdicts as (
    select * from {{ source('outlook', 'verdicts') }}
),

cohort_counts as (
    select
        app_id,
        count(distinct cohort_date) as cohorts,
        min(cohort_date) as first_cohort_date
    from cohort_sizes
    group by app_id
),

milestones as (
    select
        {% for n in days %}
        max(case when period_n = {{ n }} then retention_rate end) as d{{ n }}_rate,
        max(case when period_n = {{ n }} then ci_low end) as d{{ n }}_ci_low,
        max(case when period_n = {{ n }} then ci_high end) as d{{ n }}_ci_high,
        max(case when period_n = {{ n }} then eligible_users end) as d{{ n }}_eligible_users,
        max(case when period_n = {{ n }} then cohorts end) as d{{ n }}_cohorts,
        {% endfor %}
        app_id
    from curves
    group by app_id
),

-- Where the first activity starts a cohort, the first one is known before its day is complete.
started as (
    select
        apps.*,
        case when apps.users is not null then coalesce(cohort_counts.cohorts, 0) end as cohorts,
        case
            when apps.cohort_events is null then apps.first_event_date
            else cohort_counts.first_cohort_date
        end as first_cohort_date
    from apps
    left join cohort_counts on apps.app_id = cohort_counts.app_id
),

final as (
    select
        apps.app_id,
        apps.app_name,
        apps.is_simulated,
        apps.first_cohort_date,
        apps.watermark,
        apps.users,
        apps.cohorts,
        {% for n in days %}
        milestones.d{{ n }}_rate,
        milestones.d{{ n }}_ci_low,
        milestones.d{{ n }}_ci_high,
        milestones.d{{ n }}_eligible_users,
        coalesce(milestones.d{{ n }}_cohorts, 0) as d{{ n }}_cohorts,
        {{ add_days('apps.first_cohort_date', n) }} as d{{ n }}_completes_on,
        milestones.d{{ n }}_rate is not null as d{{ n }}_is_complete,
        {% endfor %}
        peaks.peak_rank,
        peaks.peak_date as peak_rank_date,
        peaks.storefront as peak_storefront,
        peaks.chart as peak_chart,
        peaks.latest_rank,
        peaks.latest_state as latest_rank_state,
        peaks.latest_date as latest_rank_date,
        coalesce(cast(verdicts.verdict as {{ dbt.type_string() }}), 'too_early') as verdict,
        cast(verdicts.verdict_confidence as double) as verdict_confidence,
        coalesce(
            cast(verdicts.verdict_reason_1 as {{ dbt.type_string() }}), 'No user is known yet.'
        ) as verdict_reason_1,
        cast(verdicts.verdict_reason_2 as {{ dbt.type_string() }}) as verdict_reason_2,
        cast(verdicts.verdict_reason_3 as {{ dbt.type_string() }}) as verdict_reason_3,
        coalesce(
            cast(verdicts.verdict_would_change as {{ dbt.type_string() }}),
            'Events of the app: whether users stay cannot be told from ranks.'
        ) as verdict_would_change,
        cast(verdicts.verdict_next_on as date) as verdict_next_on,
        coalesce(
            cast(verdicts.verdict_next as {{ dbt.type_string() }}), 'when events have landed'
        ) as verdict_next
    from started as apps
    left join milestones on apps.app_id = milestones.app_id
    left join verdicts on apps.app_id = verdicts.app_id
    left join peaks on apps.app_id = peaks.app_id
)

select * from final
