{{ config(unique_key=['app_id', 'cohort_date', 'segment_key']) }}
with

user_cohorts as (
    select * from {{ ref('int_user_cohorts') }}
),

changes as (
    select
        app_id,
        cohort_date,
        segment_key,
        sum(version) as users
    from user_cohorts
    where cohort_date is not null
    group by app_id, cohort_date, segment_key
),

final as (
    {{ standing_plus('changes', ['app_id', 'cohort_date', 'segment_key'], ['users']) }}
)

select * from final
