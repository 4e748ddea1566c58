{%- set outcomes = var('behaviour_outcome_days') -%}
with

user_days as (
    select * from {{ ref('int_user_days') }}
),

-- Imported once for each use: what is used twice is read as a whole before it is filtered.
recent_days as (
    select * from {{ ref('int_user_days') }}
    where {{ since_first_recent_cohort('activity_date') }}
),

recent_days_again as (
    select * from {{ ref('int_user_days') }}
    where {{ since_first_recent_cohort('activity_date') }}
),

windows as (
    select * from {{ ref('int_behaviour_windows') }}
),

candidates as (
    select
        recent_days.app_id,
        recent_days.user_key,
        min(recent_days.activity_date) as cohort_date
    from recent_days
    inner join windows on recent_days.app_id = windows.app_id
    where
        recent_days.cohort_event_time is not null
        and recent_days.activity_date >= windows.first_cohort_date
        and recent_days.activity_date <= windows.last_cohort_date
    group by recent_days.app_id, recent_days.user_key
),

earlier as (
    select distinct
        candidates.app_id,
        candidates.user_key
    from candidates
    inner join user_days
        on
            candidates.app_id = user_days.app_id
            and candidates.user_key = user_days.user_key
            and candidates.cohort_date > user_days.activity_date
    where user_days.cohort_event_time is not null
),

starters as (
    select
        candidates.app_id,
        candidates.user_key,
        candidates.cohort_date,
        windows.watermark
    from candidates
    inner join windows on candidates.app_id = windows.app_id
    left join earlier
        on
            candidates.app_id = earlier.app_id
            and candidates.user_key = earlier.user_key
    where earlier.user_key is null
),

visits as (
    select
        starters.app_id,
        starters.user_key,
        starters.cohort_date,
        starters.watermark,
        {{ dbt.datediff('starters.cohort_date', 'recent_days_again.activity_date', 'day') }} as day_n
    from starters
    left join recent_days_again
        on
            starters.app_id = recent_days_again.app_id
            and starters.user_key = recent_days_again.user_key
            and starters.cohort_date <= recent_days_again.activity_date
            and recent_days_again.events > 0
),

histories as (
    select
        app_id,
        user_key,
        cohort_date,
        watermark,
        count(case when day_n < 7 then 1 end) as active_days,
        {% for n in outcomes %}
        count(case when day_n = {{ n }} then 1 end) > 0 as is_active_{{ n }}{{ ',' if not loop.last }}
        {% endfor %}
    from visits
    group by app_id, user_key, cohort_date, watermark
),

final as (
    select
        app_id,
        user_key,
        cohort_date,
        active_days,
        {% for n in outcomes %}
        case
            when
                cohort_date <= {{ add_days('watermark', 0 - n) }}
                and cohort_date > {{ add_days('watermark', 0 - n - var('behaviour_cohort_days')) }}
                then is_active_{{ n }}
        end as is_active_{{ n }}{{ ',' if not loop.last }}
        {% endfor %}
    from histories
)

select * from final
