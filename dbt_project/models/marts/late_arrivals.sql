{%- set within_days = [0, 1, 2, 3, 7, 30] -%}
with

extract_days as (
    select * from {{ ref('int_extract_days') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
    where kind = 'events'
),

event_sources as (
    select * from {{ ref('stg_event_sources') }}
),

first_landings as (
    select
        source,
        min(landed_at) as first_landed_at
    from extracts
    where is_visible
    group by source
),

-- The first landing of a source brings its past, which says nothing about how late its data comes.
measured as (
    select
        extracts.source,
        extract_days.events,
        {{ dbt.datediff('extract_days.activity_date', reporting_day('extracts.landed_at'), 'day') }} as days_late
    from extract_days
    inner join extracts on extract_days.extract_id = extracts.extract_id
    inner join first_landings
        on
            extracts.source = first_landings.source
            and extracts.landed_at > first_landings.first_landed_at
),

thresholds as (
    {% for days in within_days %}
    select {{ days }} as within_days
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

counted as (
    select
        event_sources.source,
        event_sources.app_id,
        thresholds.within_days,
        coalesce(sum(measured.events), 0) as events,
        coalesce(
            sum(case when measured.days_late <= thresholds.within_days then measured.events end), 0
        ) as events_within
    from event_sources
    cross join thresholds
    left join measured on event_sources.source = measured.source
    group by event_sources.source, event_sources.app_id, thresholds.within_days
),

final as (
    select
        source,
        app_id,
        within_days,
        cast(events as {{ dbt.type_bigint() }}) as events,
        cast(events_within as {{ dbt.type_bigint() }}) as events_within,
        {{ rate('events_within', 'events') }} as share
    from counted
)

select * from final
