with

missing_days as (
    select distinct
        app_id,
        missing_date
    from {{ ref('stg_missing_days') }}
),

{% if by_arrival() %}
final as (
    select
        coalesce(missing_days.app_id, standing.app_id) as app_id,
        coalesce(missing_days.missing_date, standing.missing_date) as missing_date,
        missing_days.app_id is not null as is_missing,
        coalesce(standing.is_missing, false) as was_missing
    from missing_days
    full outer join {{ this }} as standing
        on
            missing_days.app_id = standing.app_id
            and missing_days.missing_date = standing.missing_date
    where missing_days.app_id is not null or standing.is_missing
)
{% else %}
final as (
    select
        app_id,
        missing_date,
        true as is_missing,
        false as was_missing
    from missing_days
)
{% endif %}

select * from final
