-- Which acquisition channel brings users who stay, and which does not?
--
-- How to read it: the best and the worst channel of each app by classic D30, with its 95 % interval (Wilson).
-- Where the two intervals overlap, the order may be chance. Channels with fewer than 100 users who have
-- completed day 30 are left out.

with

cells as (

    select * from {{ ref('fct_cohort_retention_daily') }}

),

channels as (

    select
        app_id,
        channel,
        sum(eligible_users) as users,
        1.0 * sum(retained_users) / sum(eligible_users) as rate
    from cells
    where day_n = 30 and is_complete
    group by app_id, channel
    having sum(eligible_users) >= 100

),

placed as (

    select
        *,
        (rate + 1.9208 / users) / (1 + 3.8416 / users) as centre,
        1.96 * sqrt(rate * (1 - rate) / users + 0.9604 / (users * users)) / (1 + 3.8416 / users) as half_width,
        row_number() over (partition by app_id order by rate desc, channel asc) as from_the_best,
        row_number() over (partition by app_id order by rate asc, channel desc) as from_the_worst
    from channels

),

final as (

    select
        app_id,
        case when from_the_best = 1 then 'best' else 'worst' end as place,
        channel,
        users,
        round(100.0 * rate, 1) as d30_pct,
        round(100.0 * (centre - half_width), 1) as from_pct,
        round(100.0 * (centre + half_width), 1) as to_pct
    from placed
    where from_the_best = 1 or from_the_worst = 1

)

select * from final
order by app_id, place
