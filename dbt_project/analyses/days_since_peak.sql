-- How long ago was the peak on the chart, and how fast is the rank getting worse?
--
-- How to read it: half_life is the number of days after which the rank was twice as bad and stayed so;
-- half_life_state says why where there is none: not yet, or too few days were fetched to tell. Worse than the
-- chart is deep counts as off the chart, not as a number.

with

summary as (

    select * from {{ ref('fct_rank_summary') }}

),

apps as (

    select * from {{ ref('dim_apps') }}

),

peaks as (

    select
        summary.app_id,
        summary.storefront,
        summary.chart,
        summary.peak_rank,
        summary.peak_date,
        summary.latest_date - summary.peak_date as days_since_peak,
        summary.latest_rank,
        summary.latest_state,
        summary.half_life_days,
        summary.half_life_state
    from summary
    inner join apps on summary.app_id = apps.app_id
    where apps.is_tracked

)

select * from peaks
order by app_id, storefront, chart
