{%- set periods = ['before_peak', 'after_peak', 'all'] -%}
with

reviews as (
    select * from {{ ref('int_reviews') }}
    where review_text is not null
),

mentions as (
    select * from {{ ref('int_review_mentions') }}
),

themes as (
    select distinct theme from {{ ref('review_themes') }}
),

peaks as (
    select * from {{ ref('int_app_peaks') }}
),

-- The day of the peak is still before what comes after it. Without a peak there is no side to be on.
placed as (
    select
        reviews.app_id,
        reviews.store,
        reviews.review_id,
        reviews.rating,
        case
            when reviews.reviewed_on <= peaks.peak_date then 'before_peak'
            when reviews.reviewed_on > peaks.peak_date then 'after_peak'
        end as side
    from reviews
    left join peaks on reviews.app_id = peaks.app_id
),

app_periods as (
    {% for period in periods %}
    select
        app_id,
        '{{ period }}' as period,
        {% if period == 'all' %}
        count(*) as reviews
        {% else %}
        -- an app's reviews all have a side, or none has
        case when count(side) > 0 then sum(case when side = '{{ period }}' then 1 else 0 end) end as reviews
        {% endif %}
    from placed
    group by app_id
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

mentioned as (
    {% for period in periods %}
    select
        placed.app_id,
        mentions.theme,
        '{{ period }}' as period,
        count(*) as mentions,
        sum(placed.rating) as stars
    from placed
    inner join mentions
        on
            placed.app_id = mentions.app_id
            and placed.store = mentions.store
            and placed.review_id = mentions.review_id
    {% if period != 'all' %}
    where placed.side = '{{ period }}'
    {% endif %}
    group by placed.app_id, mentions.theme
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

counted as (
    select
        app_periods.app_id,
        themes.theme,
        app_periods.period,
        app_periods.reviews,
        case when app_periods.reviews is not null then coalesce(mentioned.mentions, 0) end as mentions,
        mentioned.stars
    from app_periods
    cross join themes
    left join mentioned
        on
            app_periods.app_id = mentioned.app_id
            and app_periods.period = mentioned.period
            and themes.theme = mentioned.theme
),

final as (
    select
        app_id,
        theme,
        period,
        cast(reviews as {{ dbt.type_bigint() }}) as reviews,
        cast(mentions as {{ dbt.type_bigint() }}) as mentions,
        {{ rate('mentions', 'reviews') }} as share,
        {{ wilson_bound('mentions', 'reviews', 'low') }} as ci_low,
        {{ wilson_bound('mentions', 'reviews', 'high') }} as ci_high,
        {{ rate('stars', 'mentions') }} as mean_rating
    from counted
)

select * from final
