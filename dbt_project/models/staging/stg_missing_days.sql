with

missing_spans as (
    select * from {{ source('raw', 'missing_spans') }}
),

event_sources as (
    select * from {{ source('raw', 'event_sources') }}
),

spans as (
    select
        event_sources.app_id,
        missing_spans.source,
        {{ reporting_day('missing_spans.starts_at') }} as first_day,
        {{ reporting_day("(missing_spans.ends_at - interval '1' hour)") }} as last_day
    from missing_spans
    inner join event_sources on missing_spans.source = event_sources.source
),

days as (
    select
        app_id,
        source,
        {{ each_day('first_day', 'last_day') }} as missing_date
    from spans
),

final as (
    select distinct
        app_id,
        source,
        missing_date
    from days
)

select * from final
