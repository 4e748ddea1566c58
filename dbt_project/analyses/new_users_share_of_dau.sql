-- How much of our daily activity is people who came today and may never come back?
--
-- How to read it: user_days counts a user once per active day; the share is that of first days among them. A
-- high share in an old app is a leaking bucket: the totals look healthy because of those who arrive.

with

activity as (

    select * from {{ ref('fct_app_activity_daily') }}

),

months as (

    select
        app_id,
        cast(date_trunc('month', activity_date) as date) as month_start,
        count(*) as days,
        sum(dau) as user_days,
        sum(new_users) as new_users,
        round(100.0 * sum(new_users) / nullif(sum(dau), 0), 1) as new_user_share_pct
    from activity
    group by app_id, month_start

)

select * from months
order by month_start desc, app_id asc
