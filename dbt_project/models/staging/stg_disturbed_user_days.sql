with

disturbed_events as (
    select * from {{ source('ops', 'disturbed_events') }}
),

final as (
    select distinct
        extract_id,
        app_id,
        user_key,
        {{ reporting_day('event_time') }} as activity_date
    from disturbed_events
    where {{ 'true' if by_arrival() else 'false' }}
)

select * from final
