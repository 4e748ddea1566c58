-- For every user lost, how many came or came back?
--
-- How to read it: above 1 the app grows, below it shrinks, month by month. The first months of an app say
-- little: hardly anybody is there who could leave. Only complete months are told.

with

growth as (

    select * from {{ ref('fct_growth_accounting') }}

),

months as (

    select
        app_id,
        period_start as month_start,
        active,
        new,
        resurrected,
        churned,
        round(quick_ratio, 2) as quick_ratio
    from growth
    where
        period = 'month'
        and is_complete
        and churned > 0

)

select * from months
order by app_id, month_start
