-- Do those who are left come more often, or less?
--
-- How to read it: stickiness is DAU / MAU, here the mean DAU of 28 days over the users of the same 28 days.
-- Compare with the 28 days before. It can rise while the app shrinks: the casual users leave first.

with

activity as (

    select * from {{ ref('fct_app_activity_daily') }}

),

aged as (

    select
        *,
        max(activity_date) over (partition by app_id) - activity_date as days_ago
    from activity

),

spans as (

    select
        app_id,
        max(mau) filter (where days_ago = 28) as mau_before,
        max(mau) filter (where days_ago = 0) as mau_now,
        avg(dau) filter (where days_ago between 28 and 55) as mean_dau_before,
        avg(dau) filter (where days_ago between 0 and 27) as mean_dau_now
    from aged
    group by app_id

),

final as (

    select
        app_id,
        mau_before,
        mau_now,
        round(100.0 * mean_dau_before / mau_before, 1) as stickiness_before_pct,
        round(100.0 * mean_dau_now / mau_now, 1) as stickiness_now_pct,
        round(100.0 * (mean_dau_now / mau_now - mean_dau_before / mau_before), 1) as change_in_points
    from spans

)

select * from final
order by app_id
