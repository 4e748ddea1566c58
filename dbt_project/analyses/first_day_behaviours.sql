-- What do users do on their first day who are still there on day 30?
--
-- How to read it: times_the_rest is D30 of those who did it over D30 of those who did not. It is a correlation:
-- whoever likes the app does more of everything. Worth an experiment, not a conclusion. Groups of fewer than
-- 100 users are left out.

with

behaviours as (

    select * from {{ ref('fct_retention_by_behaviour') }}

),

placed as (

    select
        app_id,
        behaviour,
        value,
        users,
        round(100.0 * user_share, 1) as user_share_pct,
        round(100.0 * retention_rate, 1) as d30_pct,
        round(rate_ratio, 2) as times_the_rest,
        row_number() over (partition by app_id order by rate_ratio desc, behaviour asc, value asc) as place
    from behaviours
    where
        observed_in = 'first_day'
        and outcome_day_n = 30
        and did
        and has_enough_users
        and rate_ratio is not null

),

final as (

    select * exclude (place)
    from placed
    where place <= 4

)

select * from final
order by app_id asc, times_the_rest desc, behaviour asc, value asc
