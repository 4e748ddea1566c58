with

rank_summary as (
    select * from {{ ref('fct_rank_summary') }}
),

activity as (
    select * from {{ ref('fct_app_activity_daily') }}
),

-- An app has one peak: the best rank on any chart, the earliest where several are equal.
rank_peaks as (
    select
        *,
        row_number() over (
            partition by app_id
            order by peak_rank asc, peak_date asc, store asc, storefront asc, chart asc, genre asc, store_app_id asc
        ) as precedence
    from rank_summary
    where peak_rank is not null
),

rolling as (
    select
        app_id,
        activity_date,
        sum(new_users) over (
            partition by app_id order by activity_date
            rows between 6 preceding and current row
        ) as new_users_7d
    from activity
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
        app_id,
        peak_date,
        'rank' as peak_kind,
        peak_rank,
        storefront,
        chart,
        latest_rank,
        latest_state,
        latest_date
    from rank_peaks
    where precedence = 1
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
    left join rank_peaks on new_user_peaks.app_id = rank_peaks.app_id
    where new_user_peaks.precedence = 1 and rank_peaks.app_id is null
)

select * from final
