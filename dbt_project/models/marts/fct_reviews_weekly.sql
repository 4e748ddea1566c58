with

reviews as (
    select * from {{ ref('int_reviews') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

last_days as (
    select
        source,
        {{ reporting_day('max(max_event_time)') }} as last_day_seen
    from extracts
    where is_visible and kind = 'reviews'
    group by source
),

app_sources as (
    select distinct
        app_id,
        store,
        source
    from reviews
),

-- The last day that a source has told of may be partial. Sources that ended hold nobody back: an
-- archive and the feed that goes on from it are one history.
told as (
    select
        app_sources.app_id,
        app_sources.store,
        max(last_days.last_day_seen) as last_day_seen,
        {{ add_days('max(last_days.last_day_seen)', -1 - var('late_data_allowance_days')) }} as last_full_day
    from app_sources
    inner join last_days on app_sources.source = last_days.source
    group by app_sources.app_id, app_sources.store
),

spans as (
    select
        reviews.app_id,
        reviews.store,
        min(reviews.reviewed_on) as first_day,
        max(told.last_day_seen) as last_day,
        max(told.last_full_day) as last_full_day
    from reviews
    inner join told
        on
            reviews.app_id = told.app_id
            and reviews.store = told.store
    group by reviews.app_id, reviews.store
),

days as (
    select
        app_id,
        store,
        last_full_day,
        {{ each_day('first_day', 'last_day') }} as reviewed_on
    from spans
),

weeks as (
    select distinct
        app_id,
        store,
        {{ period_start_of('reviewed_on', 'week') }} as week_start,
        {{ add_days(period_start_of('reviewed_on', 'week'), 6) }} <= last_full_day as is_complete
    from days
),

counts as (
    select
        app_id,
        store,
        {{ period_start_of('reviewed_on', 'week') }} as week_start,
        count(*) as reviews,
        sum(rating) as stars,
        {% for n in range(1, 6) %}
        sum(case when rating = {{ n }} then 1 else 0 end) as stars_{{ n }}{{ ',' if not loop.last }}
        {% endfor %}
    from reviews
    group by app_id, store, {{ period_start_of('reviewed_on', 'week') }}
),

final as (
    select
        weeks.app_id,
        weeks.store,
        weeks.week_start,
        case when weeks.is_complete then coalesce(counts.reviews, 0) end as reviews,
        case when weeks.is_complete then {{ rate('counts.stars', 'counts.reviews') }} end as mean_rating,
        {% for n in range(1, 6) %}
        cast(
            case when weeks.is_complete then coalesce(counts.stars_{{ n }}, 0) end as {{ dbt.type_bigint() }}
        ) as stars_{{ n }},
        {% endfor %}
        weeks.is_complete
    from weeks
    left join counts
        on
            weeks.app_id = counts.app_id
            and weeks.store = counts.store
            and weeks.week_start = counts.week_start
)

select * from final
