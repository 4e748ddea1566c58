{%- set trend = var('trend_days') -%}
{%- set flag = var('arrives_but_leaves') -%}
with

activity as (
    select * from {{ ref('fct_app_activity_daily') }}
),

daily_counts as (
    select * from {{ ref('int_daily_counts') }}
),

cohort_sizes as (
    select * from {{ ref('int_cohort_sizes') }}
),

retention_counts as (
    select * from {{ ref('int_retention_counts') }}
    where period = 'day' and period_n = {{ flag.day_n }} and {{ flag.day_n <= horizon('day') }}
),

cumulative_downloads as (
    select * from {{ ref('int_cumulative_downloads') }}
),

cohorts as (
    select
        app_id,
        cohort_date,
        sum(users) as users
    from cohort_sizes
    group by app_id, cohort_date
    having sum(users) > 0
),

launches as (
    select
        app_id,
        min(cohort_date) as launch_date
    from cohorts
    group by app_id
),

retained as (
    select
        app_id,
        cohort_date,
        sum(active_users) as users
    from retention_counts
    group by app_id, cohort_date
),

days as (
    select
        activity.app_id,
        activity.activity_date,
        activity.new_users,
        activity.wau,
        row_number() over app_history as day_number,
        sum(activity.new_users) over app_history as cumulative_users,
        sum(activity.new_users) over (
            partition by activity.app_id order by activity.activity_date
            rows between 6 preceding and current row
        ) as new_users_7d,
        coalesce(lag(activity.wau, 7) over (
            partition by activity.app_id order by activity.activity_date
        ), 0) as wau_before,
        sum(coalesce(daily_counts.fortnight_change, 0)) over app_history as active_users_14d
    from activity
    left join daily_counts
        on
            activity.app_id = daily_counts.app_id
            and activity.activity_date = daily_counts.activity_date
    window app_history as (
        partition by activity.app_id order by activity.activity_date
        rows between unbounded preceding and current row
    )
),

-- Who was active in the fortnight, but not in its first week, was gained; who was active in the
-- fortnight, but not in its second week, was lost.
weeks as (
    select
        *,
        active_users_14d - wau_before as gained_7d,
        active_users_14d - wau as lost_7d,
        max(new_users_7d) over (
            partition by app_id order by activity_date
            rows between unbounded preceding and current row
        ) as best_new_users_7d
    from days
),

spans as (
    select
        *,
        sum(gained_7d) over recently as gained_recently,
        sum(lost_7d) over recently as lost_recently,
        sum(gained_7d) over before as gained_before,
        sum(lost_7d) over before as lost_before
    from weeks
    window
        recently as (
            partition by app_id order by activity_date
            rows between {{ trend - 1 }} preceding and current row
        ),
        before as (
            partition by app_id order by activity_date
            rows between {{ 2 * trend - 1 }} preceding and {{ trend }} preceding
        )
),

-- Retention as it could be told on the day itself.
retention_by_day as (
    select
        days.app_id,
        days.activity_date,
        sum(cohorts.users) as eligible_users,
        sum(coalesce(retained.users, 0)) as retained_users
    from days
    inner join cohorts
        on
            days.app_id = cohorts.app_id
            and cohorts.cohort_date > {{ add_days('days.activity_date', 0 - flag.day_n - flag.cohort_days) }}
            and cohorts.cohort_date <= {{ add_days('days.activity_date', 0 - flag.day_n) }}
    left join retained
        on
            cohorts.app_id = retained.app_id
            and cohorts.cohort_date = retained.cohort_date
    where {{ flag.day_n <= horizon('day') }}
    group by days.app_id, days.activity_date
),

shaped as (
    select
        spans.app_id,
        spans.activity_date,
        {{ dbt.datediff('launches.launch_date', 'spans.activity_date', 'day') }} as launch_day_n,
        spans.new_users,
        spans.cumulative_users,
        cumulative_downloads.cumulative_downloads,
        spans.new_users_7d,
        spans.wau as active_users_7d,
        {{ rate('spans.new_users_7d', 'spans.wau') }} as new_user_share,
        {{ rate('spans.gained_7d', 'spans.lost_7d') }} as quick_ratio_7d,
        case
            -- the first 7 days have no week before them
            when spans.day_number >= {{ 7 + 2 * trend }} and spans.gained_before > 0
                and spans.lost_before > 0 and spans.lost_recently > 0
                then
                    (cast(spans.gained_recently as double) * spans.lost_before)
                    / (cast(spans.lost_recently as double) * spans.gained_before)
        end as quick_ratio_trend,
        {{ rate('spans.new_users_7d', 'spans.best_new_users_7d') }} as new_users_vs_peak,
        {{ wilson_bound('retention_by_day.retained_users', 'retention_by_day.eligible_users', 'high') }}
            as retention_ci_high
    from spans
    left join launches on spans.app_id = launches.app_id
    left join cumulative_downloads
        on
            spans.app_id = cumulative_downloads.app_id
            and spans.activity_date = cumulative_downloads.install_date
    left join retention_by_day
        on
            spans.app_id = retention_by_day.app_id
            and spans.activity_date = retention_by_day.activity_date
),

final as (
    select
        app_id,
        activity_date,
        cast(launch_day_n as {{ dbt.type_int() }}) as launch_day_n,
        new_users,
        cast(cumulative_users as {{ dbt.type_bigint() }}) as cumulative_users,
        cumulative_downloads,
        cast(new_users_7d as {{ dbt.type_bigint() }}) as new_users_7d,
        active_users_7d,
        new_user_share,
        quick_ratio_7d,
        quick_ratio_trend,
        new_users_vs_peak,
        new_user_share >= {{ flag.new_user_share }}
        and new_users_vs_peak >= {{ flag.new_users_vs_peak }}
        and retention_ci_high < {{ flag.retention_below }} as arrives_but_leaves
    from shaped
)

select * from final
