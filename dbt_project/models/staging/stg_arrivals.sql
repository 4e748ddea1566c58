with

extracts as (
    select * from {{ ref('stg_extracts') }}
    where is_visible and kind = 'events'
),

built_extracts as (
    select * from {{ source('ops', 'built_extracts') }}
),

final as (
    select
        extracts.extract_id,
        extracts.source,
        extracts.landed_at
    from extracts
    {% if by_arrival() %}
    left join built_extracts on extracts.extract_id = built_extracts.extract_id
    where built_extracts.extract_id is null
    {% endif %}
)

select * from final
