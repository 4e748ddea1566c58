with

extracts as (
    select * from {{ source('raw', 'extracts') }}
),

final as (
    select
        extract_id,
        source,
        kind,
        status,
        rows_landed,
        rows_rejected,
        rows_duplicate,
        max_event_time,
        coalesce(reaches, max_event_time) as reaches,
        landed_at,
        status = 'landed' as is_visible
    from extracts
)

select * from final
