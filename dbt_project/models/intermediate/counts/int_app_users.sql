{{ config(unique_key=['app_id']) }}
with

user_cohorts as (
    select * from {{ ref('int_user_cohorts') }}
),

changes as (
    select
        app_id,
        sum(case when is_active then version else 0 end) as users,
        sum(case when is_active and cohort_date is null then version else 0 end) as users_without_cohort_start
    from user_cohorts
    group by app_id
),

final as (
    select
        changes.app_id,
        {{ plus_standing('changes', 'users') }} as users,
        {{ plus_standing('changes', 'users_without_cohort_start') }} as users_without_cohort_start
    from changes {{ join_standing('changes', ['app_id']) }}
)

select * from final
