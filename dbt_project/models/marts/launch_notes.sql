with

launch_notes as (
    select * from {{ ref('stg_launch_notes') }}
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
