with

events as (
    select * from {{ ref('stg_events') }}
),

final as (
    select
        app_id,
        user_key,
        activity_date,
        min(event_time) as first_event_time,
        max(event_time) as last_event_time,
        count(*) as events
    from events
    group by app_id, user_key, activity_date
)

select * from final
