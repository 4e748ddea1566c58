with

app_store_ids as (
    select * from {{ source('raw', 'app_store_ids') }}
),

final as (
    select
        app_id,
        store,
        store_app_id
    from app_store_ids
)

select * from final
