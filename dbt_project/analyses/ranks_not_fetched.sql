-- On which days do we not know the rank, because nobody looked?
--
-- How to read it: one row per chart and gap. On these days a chart in a dashboard must have a hole: not
-- fetched is not "off the chart", and no rank is bridged over it. An empty result is a chart without gaps.

with

ranks as (

    select * from {{ ref('fct_app_ranks_daily') }}

),

chart_days as (

    select
        store,
        storefront,
        chart,
        genre,
        rank_date,
        bool_and(state = 'not_fetched') as is_missing
    from ranks
    group by store, storefront, chart, genre, rank_date

),

numbered as (

    select
        *,
        rank_date - cast(
            row_number() over (partition by store, storefront, chart, genre, is_missing order by rank_date) as integer
        ) as gap
    from chart_days

),

gaps as (

    select
        store,
        storefront,
        chart,
        genre,
        min(rank_date) as first_day,
        max(rank_date) as last_day,
        count(*) as days
    from numbered
    where is_missing
    group by store, storefront, chart, genre, gap

)

select * from gaps
order by store, storefront, chart, genre, first_day
