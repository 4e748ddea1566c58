with

changed_events as (
    select * from {{ ref('int_changed_events') }}
),

pruned_user_days as (
    select * from {{ ref('stg_pruned_user_days') }}
),

seen as (
    select
        segment_key,
        platform,
        country,
        channel,
        app_version
    from changed_events
    where starts_cohort
    union distinct
    select
        segment_key,
        platform,
        country,
        channel,
        app_version
    from pruned_user_days
    where segment_key is not null
),

final as (
    select seen.*
    from seen
    {% if by_arrival() %}
    left join {{ this }} as known on seen.segment_key = known.segment_key
    where known.segment_key is null
    {% endif %}
)

select * from final
