-- In which countries do users stay?
--
-- How to read it: one row per app and the country in which its users started, the largest first. The counts
-- of the mart are additive: replace country by platform or channel, or group by two of them. Small countries
-- swing; d60_users says of how many the last rate is.

with

cells as (

    select * from {{ ref('fct_cohort_retention_daily') }}

),

by_country as (

    select
        app_id,
        country,
        sum(cohort_users) filter (where day_n = 0) as users,
        round(100.0 * sum(retained_users) filter (where day_n = 1) / sum(eligible_users) filter (where day_n = 1), 1)
            as d1_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 7) / sum(eligible_users) filter (where day_n = 7), 1)
            as d7_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 30) / sum(eligible_users) filter (where day_n = 30), 1)
            as d30_pct,
        round(100.0 * sum(retained_users) filter (where day_n = 60) / sum(eligible_users) filter (where day_n = 60), 1)
            as d60_pct,
        sum(eligible_users) filter (where day_n = 60) as d60_users
    from cells
    group by app_id, country

)

select * from by_country
order by app_id asc, users desc, country asc
