with

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

{% if by_arrival() %}
final as (
    select
        coalesce(watermarks.app_id, standing.app_id) as app_id,
        standing.watermark as previous_watermark,
        watermarks.watermark
    from watermarks
    full outer join {{ this }} as standing on watermarks.app_id = standing.app_id
)
{% else %}
final as (
    select
        app_id,
        cast(null as date) as previous_watermark,
        watermark
    from watermarks
)
{% endif %}

select * from final
