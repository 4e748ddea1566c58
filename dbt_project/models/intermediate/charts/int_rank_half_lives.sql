{%- set grain = ['store', 'storefront', 'chart', 'genre', 'store_app_id'] -%}
{#- Of the seven days of a week, as many must show the rank; the others may not have been fetched. -#}
{%- set days_shown_of_week = 4 -%}
with

peaks as (
    select * from {{ ref('int_rank_peaks') }}
),

days as (
    select * from {{ ref('int_days_after_peak') }}
),

-- Off the chart, the rank is depth + 1 or worse: where that is not twice the peak yet, the day shows
-- neither.
shown as (
    select
        {{ grain | join(',\n        ') }},
        rank_date,
        case when is_fetched and coalesce(rank, depth + 1) >= 2 * peak_rank then 1 else 0 end as is_half,
        case when rank < 2 * peak_rank then 1 else 0 end as is_better
    from days
),

-- The calendar has a row for each day, so that seven rows are seven days.
weeks as (
    select
        {{ grain | join(',\n        ') }},
        rank_date,
        is_half,
        sum(is_half) over week as days_half,
        sum(is_better) over week as days_better,
        count(*) over week as days
    from shown
    window week as (
        partition by {{ grain | join(', ') }}
        order by rank_date rows between current row and 6 following
    )
),

-- Weeks that are over and hold no day that shows a better rank.
fallen as (
    select
        {{ grain | join(',\n        ') }},
        min(case when is_half = 1 and days_half >= {{ days_shown_of_week }} then rank_date end) as half_life_date
    from weeks
    where days = 7 and days_better = 0
    group by {{ grain | join(', ') }}
),

final as (
    select
        {% for column in grain %}
        peaks.{{ column }},
        {% endfor %}
        case
            when fallen.store is null then 'not_yet'
            when fallen.half_life_date is null then 'cannot_tell'
            else 'reached'
        end as half_life_state,
        fallen.half_life_date,
        {{ dbt.datediff('peaks.peak_date', 'fallen.half_life_date', 'day') }} as half_life_days
    from peaks
    left join fallen
        on
            peaks.store = fallen.store
            and peaks.storefront = fallen.storefront
            and peaks.chart = fallen.chart
            and peaks.genre = fallen.genre
            and peaks.store_app_id = fallen.store_app_id
)

select * from final
