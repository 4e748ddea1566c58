with

events as (
    select * from {{ ref('stg_events') }}
),

{% if by_arrival() %}
-- Imported once for each use: what is used twice is read as a whole before it is filtered.
events_again as (
    select * from {{ ref('stg_events') }}
),

arrivals as (
    select * from {{ ref('stg_arrivals') }}
),

disturbed_user_days as (
    select distinct
        app_id,
        user_key,
        activity_date
    from {{ ref('stg_disturbed_user_days') }}
),

arrived as (
    select events.*
    from events
    inner join arrivals
        on
            events.extract_id = arrivals.extract_id
            and {{ landed_since_last_build('events.landed_at') }}
),

recounted as (
    select events_again.*
    from events_again
    inner join disturbed_user_days
        on
            events_again.app_id = disturbed_user_days.app_id
            and events_again.user_key = disturbed_user_days.user_key
            and events_again.activity_date = disturbed_user_days.activity_date
    left join arrivals on events_again.extract_id = arrivals.extract_id
    where arrivals.extract_id is null
),

final as (
    select * from arrived
    union all
    select * from recounted
)
{% else %}
final as (
    select * from events
)
{% endif %}

select * from final
