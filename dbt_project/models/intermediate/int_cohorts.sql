with

user_cohorts as (
    select * from {{ ref('int_user_cohorts') }}
),

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

final as (
    select
        user_cohorts.app_id,
        user_cohorts.cohort_date,
        user_cohorts.platform,
        user_cohorts.country,
        user_cohorts.channel,
        watermarks.watermark,
        count(*) as cohort_users
    from user_cohorts
    inner join watermarks
        on
            user_cohorts.app_id = watermarks.app_id
            and user_cohorts.cohort_date <= watermarks.watermark
    group by
        user_cohorts.app_id,
        user_cohorts.cohort_date,
        user_cohorts.platform,
        user_cohorts.country,
        user_cohorts.channel,
        watermarks.watermark
)

select * from final
