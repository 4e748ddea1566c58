-- Which apps have passed ours on the chart within the last seven days?
--
-- How to read it: one row per app that was behind one of ours on the earlier day, or not on the chart, and is
-- ahead of it now. The days compared are the last one fetched and the one a week before; where either was not
-- fetched, or ours was not ranked, nothing is said.

with

ranks as (

    select * from {{ ref('fct_app_ranks_daily') }}

),

apps as (

    select * from {{ ref('dim_apps') }}

),

last_fetched as (

    select
        store,
        storefront,
        chart,
        genre,
        max(rank_date) as rank_date
    from ranks
    where state <> 'not_fetched'
    group by store, storefront, chart, genre

),

both_days as (

    select
        today.store,
        today.storefront,
        today.chart,
        today.genre,
        today.app_id,
        today.app_name,
        today.rank,
        earlier.rank as rank_a_week_ago,
        today.rank_date
    from last_fetched
    inner join ranks as today
        on
            last_fetched.store = today.store
            and last_fetched.storefront = today.storefront
            and last_fetched.chart = today.chart
            and last_fetched.genre = today.genre
            and last_fetched.rank_date = today.rank_date
    inner join ranks as earlier
        on
            today.store = earlier.store
            and today.storefront = earlier.storefront
            and today.chart = earlier.chart
            and today.genre = earlier.genre
            and today.store_app_id = earlier.store_app_id
            and earlier.rank_date = today.rank_date - 7
    where today.state = 'ranked' and earlier.state <> 'not_fetched'

),

final as (

    select
        ours.app_id,
        ours.storefront,
        ours.chart,
        ours.rank_a_week_ago as our_rank_a_week_ago,
        ours.rank as our_rank,
        theirs.app_name as passed_by,
        theirs.rank_a_week_ago as their_rank_a_week_ago,
        theirs.rank as their_rank
    from both_days as ours
    inner join apps on ours.app_id = apps.app_id
    inner join both_days as theirs
        on
            ours.store = theirs.store
            and ours.storefront = theirs.storefront
            and ours.chart = theirs.chart
            and ours.genre = theirs.genre
            and ours.rank > theirs.rank
    where
        apps.is_tracked
        and ours.rank_a_week_ago is not null
        and (theirs.rank_a_week_ago is null or theirs.rank_a_week_ago > ours.rank_a_week_ago)

)

select * from final
order by app_id, storefront, chart, their_rank
