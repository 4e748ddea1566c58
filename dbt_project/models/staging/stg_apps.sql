with

apps as (
    select * from {{ source('raw', 'apps') }}
),

final as (
    select
        app_id,
        name as app_name,
        description,
        is_simulated,
        activity_events,
        cohort_events
    from apps
)

select * from final
