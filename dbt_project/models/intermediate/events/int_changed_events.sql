with

events as (
    select * from {{ ref('stg_events') }}
),

{% if by_arrival() %}
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

-- The landing time adds nothing to the extract's id but lets the engine skip all older blocks.
arrived as (
    select events.*
    from events
    inner join arrivals
        on
            events.extract_id = arrivals.extract_id
            and events.landed_at = arrivals.landed_at
),

recounted as (
    select events.*
    from events
    inner join disturbed_user_days
        on
            events.app_id = disturbed_user_days.app_id
            and events.user_key = disturbed_user_days.user_key
            and events.activity_date = disturbed_user_days.activity_date
    left join arrivals on events.extract_id = arrivals.extract_id
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
