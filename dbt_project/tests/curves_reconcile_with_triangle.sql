-- A curve is the triangle summed up, and nothing else.
with

triangle as (
    select
        app_id,
        day_n,
        sum(eligible_users) as eligible_users,
        sum(retained_users) as classic_users,
        sum(returned_users) as unbounded_users
    from {{ ref('fct_cohort_retention_daily') }}
    group by app_id, day_n
),

curves as (
    select * from {{ ref('fct_retention_curves') }}
    where period = 'day'
),

compared as (
    select
        curves.*,
        triangle.eligible_users as triangle_eligible_users,
        case curves.definition
            when 'classic' then triangle.classic_users
            when 'unbounded' then triangle.unbounded_users
        end as triangle_retained_users
    from curves
    left join triangle
        on
            curves.app_id = triangle.app_id
            and curves.period_n = triangle.day_n
)

select * from compared
where
    coalesce(eligible_users, -1) <> coalesce(triangle_eligible_users, -1)
    or coalesce(retained_users, -1) <> coalesce(triangle_retained_users, -1)
    or not (ci_low <= retention_rate and retention_rate <= ci_high)
