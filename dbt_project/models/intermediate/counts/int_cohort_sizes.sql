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
    select
        changes.app_id,
        changes.cohort_date,
        changes.segment_key,
        {{ plus_standing('changes', 'users') }} as users
    from changes {{ join_standing('changes', ['app_id', 'cohort_date', 'segment_key']) }}
)

select * from final
