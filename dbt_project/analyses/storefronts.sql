-- Where do we rank well, and do the users of that storefront stay?
--
-- How to read it: ranks of the last 28 days of each storefront beside the retention of the users of the same
-- country. A good rank beside a low D30 is hype; a modest rank beside a high D30 is a market to look at.

with

ranks as (

    select * from {{ ref('fct_app_ranks_daily') }}

),

apps as (

    select * from {{ ref('dim_apps') }}

),

cells as (

    select * from {{ ref('fct_cohort_retention_daily') }}

),

last_day as (

    select max(rank_date) as rank_date
    from ranks

),

recent as (

    select
        ranks.app_id,
        ranks.storefront,
        ranks.chart,
        min(ranks.best_rank) as best_rank,
        median(ranks.rank) as median_rank,
        count(*) filter (where ranks.state = 'ranked') as days_ranked,
        count(*) filter (where ranks.state = 'off_chart') as days_off_chart,
        count(*) filter (where ranks.state = 'not_fetched') as days_not_fetched
    from ranks
    inner join apps on ranks.app_id = apps.app_id
    cross join last_day
    where apps.is_tracked and ranks.rank_date > last_day.rank_date - 28
    group by ranks.app_id, ranks.storefront, ranks.chart

),

retention as (

    select
        app_id,
        lower(country) as storefront,
        sum(eligible_users) as d30_users,
        round(100.0 * sum(retained_users) / sum(eligible_users), 1) as d30_pct
    from cells
    where day_n = 30 and is_complete
    group by app_id, lower(country)

),

final as (

    select
        recent.*,
        retention.d30_users,
        retention.d30_pct
    from recent
    left join retention
        on recent.app_id = retention.app_id and recent.storefront = retention.storefront

)

select * from final
order by app_id, storefront, chart
