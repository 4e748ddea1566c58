{%- set outcomes = var('behaviour_outcome_days') -%}
with

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

pruned_user_days as (
    select * from {{ ref('stg_pruned_user_days') }}
),

pruned as (
    select
        app_id,
        max(activity_date) as last_pruned_date
    from pruned_user_days
    group by app_id
),

-- Of a pruned day no event names are left. What the setting allows to be pruned is left out whether it
-- has been pruned yet or not: when that happens is not to change a number.
known as (
    select
        watermarks.app_id,
        watermarks.watermark,
        {% if var('raw_retention_days') is not none %}
        greatest(
            {{ add_days('watermarks.watermark', 1 - var('raw_retention_days')) }},
            coalesce({{ add_days('pruned.last_pruned_date', 1) }}, date '1900-01-01')
        ) as first_known_date
        {% else %}
        coalesce({{ add_days('pruned.last_pruned_date', 1) }}, date '1900-01-01') as first_known_date
        {% endif %}
    from watermarks
    left join pruned on watermarks.app_id = pruned.app_id
),

final as (
    select
        app_id,
        watermark,
        greatest(
            {{ add_days('watermark', 1 - (outcomes | max) - var('behaviour_cohort_days')) }}, first_known_date
        ) as first_cohort_date,
        {{ add_days('watermark', 0 - (outcomes | min)) }} as last_cohort_date
    from known
)

select * from final
where first_cohort_date <= last_cohort_date
