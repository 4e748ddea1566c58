-- Who returned on or after day n + 1 returned on or after day n.
with

cells as (
    select
        app_id,
        cohort_date,
        platform,
        country,
        channel,
        app_version,
        day_n,
        returned_users,
        lag(returned_users) over (
            partition by app_id, cohort_date, platform, country, channel, app_version
            order by day_n
        ) as returned_users_before
    from {{ ref('fct_cohort_retention_daily') }}
    where is_complete
)

select * from cells
where returned_users > returned_users_before
