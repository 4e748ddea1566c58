with

missing_days as (
    select * from {{ ref('stg_missing_days') }}
),

final as (
    select
        app_id,
        source,
        missing_date
    from missing_days
)

select * from final
