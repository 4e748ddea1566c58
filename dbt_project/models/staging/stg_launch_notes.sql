with

launch_notes as (
    select * from {{ source('raw', 'launch_notes') }}
),

final as (
    select
        app_id,
        note_date,
        kind,
        title
    from launch_notes
)

select * from final
