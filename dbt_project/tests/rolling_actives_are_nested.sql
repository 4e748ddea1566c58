-- A day lies in its week, a week in its four weeks; new users are active.
select *
from {{ ref('fct_app_activity_daily') }}
where not (new_users <= dau and dau <= wau and wau <= mau and dau <= events)
