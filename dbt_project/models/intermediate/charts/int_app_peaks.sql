with

ranks as (
    select * from {{ ref('int_tracked_ranks') }}
),

calendar as (
    select * from {{ ref('int_app_calendar') }}
),

daily_counts as (
    select * from {{ ref('int_daily_counts') }}
),

-- An app has one peak: the best rank on any chart, the earliest where several are equal.
rank_peaks as (
    select
        *,
        row_number() over (
            partition by app_id
            order by best_rank asc, rank_date asc, store asc, storefront asc, chart asc, genre asc, store_app_id asc
        ) as precedence
    from ranks
    where best_rank is not null
),

latest as (
    select
        *,
        row_number() over (
            partition by store, storefront, chart, genre, store_app_id
            order by rank_date desc
        ) as recency
    from ranks
),

rolling as (
    select
        calendar.app_id,
        calendar.activity_date,
        sum(coalesce(daily_counts.new_users, 0)) over (
            partition by calendar.app_id order by calendar.activity_date
            rows between 6 preceding and current row
        ) as new_users_7d
    from calendar
    left join daily_counts
        on
            calendar.app_id = daily_counts.app_id
            and calendar.activity_date = daily_counts.activity_date
),

-- The first of equal weeks: of a week that new users trickled out of, the end is not the peak.
new_user_peaks as (
    select
        app_id,
        activity_date,
        row_number() over (
            partition by app_id
            order by new_users_7d desc, activity_date asc
        ) as precedence
    from rolling
    where new_users_7d > 0
),

final as (
    select
        rank_peaks.app_id,
        rank_peaks.rank_date as peak_date,
        'rank' as peak_kind,
        rank_peaks.best_rank as peak_rank,
        rank_peaks.storefront,
        rank_peaks.chart,
        latest.rank as latest_rank,
        case when latest.rank is null then 'off_chart' else 'ranked' end as latest_state,
        latest.rank_date as latest_date
    from rank_peaks
    inner join latest
        on
            rank_peaks.store = latest.store
            and rank_peaks.storefront = latest.storefront
            and rank_peaks.chart = latest.chart
            and rank_peaks.genre = latest.genre
            and rank_peaks.store_app_id = latest.store_app_id
            and latest.recency = 1
    where rank_peaks.precedence = 1
    union all
    select
        new_user_peaks.app_id,
        new_user_peaks.activity_date as peak_date,
        'new_users' as peak_kind,
        null as peak_rank,
        null as storefront,
        null as chart,
        null as latest_rank,
        null as latest_state,
        null as latest_date
    from new_user_peaks
    left join rank_peaks
        on
            new_user_peaks.app_id = rank_peaks.app_id
            and rank_peaks.precedence = 1
    where new_user_peaks.precedence = 1 and rank_peaks.app_id is null
)

select * from final
