with

cohorts as (
    select * from {{ ref('int_cohorts') }}
),

cohort_activity as (
    select * from {{ ref('int_cohort_activity') }}
),

days as (
    select cast(generated_number - 1 as {{ dbt.type_int() }}) as day_n
    from ({{ dbt.generate_series(var('horizon_days') + 1) }}) as numbers
),

cells as (
    select
        cohorts.app_id,
        cohorts.cohort_date,
        cohorts.platform,
        cohorts.country,
        cohorts.channel,
        days.day_n,
        cohorts.cohort_users,
        cohorts.watermark,
        {{ add_days('cohorts.cohort_date', 'days.day_n') }} as activity_date
    from cohorts
    cross join days
),

-- Who was last active on day k has returned on or after every day up to k: unbounded retention is
-- the sum of last active users from the far end of the triangle.
counted as (
    select
        cells.app_id,
        cells.cohort_date,
        cells.platform,
        cells.country,
        cells.channel,
        cells.day_n,
        cells.activity_date,
        cells.cohort_users,
        cells.activity_date <= cells.watermark as is_complete,
        cells.activity_date < cells.watermark as is_complete_24h,
        coalesce(cohort_activity.active_users, 0) as active_users,
        coalesce(cohort_activity.active_users_24h, 0) as active_users_24h,
        sum(coalesce(cohort_activity.last_active_users, 0)) over (
            partition by
                cells.app_id,
                cells.cohort_date,
                cells.platform,
                cells.country,
                cells.channel
            order by cells.day_n desc
            rows between unbounded preceding and current row
        ) as active_on_or_after
    from cells
    left join cohort_activity
        on
            cells.app_id = cohort_activity.app_id
            and cells.cohort_date = cohort_activity.cohort_date
            and cells.platform = cohort_activity.platform
            and cells.country = cohort_activity.country
            and cells.channel = cohort_activity.channel
            and cells.day_n = cohort_activity.day_n
),

final as (
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        day_n,
        activity_date,
        cohort_users,
        case when is_complete then cohort_users end as eligible_users,
        case when is_complete then active_users end as retained_users,
        case
            when is_complete then cast(active_on_or_after as {{ dbt.type_bigint() }})
        end as returned_users,
        case when is_complete_24h then active_users_24h end as retained_users_24h,
        is_complete,
        activity_date as completes_on
    from counted
)

select * from final
