with

event_sources as (
    select * from {{ source('raw', 'event_sources') }}
),

final as (
    select
        source,
        app_id,
        complete_through,
        ended
    from event_sources
)

select * from final
