with

watermarks as (
    select * from {{ ref('int_app_watermarks') }}
),

final as (
    select
        app_id,
        watermark,
        {{ each_day('first_activity_date', 'watermark') }} as activity_date
    from watermarks
    where first_activity_date <= watermark
)

select * from final
