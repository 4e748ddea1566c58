{{ config(
    pre_hook="{{ take_away(['extract_id', 'activity_date'], days_counted_anew()) }}"
) }}
-- depends_on: {{ source('raw', 'pruned_extract_days') }}, which only a full build reads
with

events as (
    select * from {{ ref('stg_events') }}
),

{% if by_arrival() %}
-- Imported once for each use: what is used twice is read as a whole before it is filtered.
events_again as (
    select * from {{ ref('stg_events') }}
),

arrivals as (
    select * from {{ ref('stg_arrivals') }}
),

disturbed_days as (
    select distinct
        extract_id,
        activity_date
    from {{ ref('stg_disturbed_user_days') }}
),

arrived as (
    select events.*
    from events
    inner join arrivals
        on
            events.extract_id = arrivals.extract_id
            and {{ landed_since_last_build('events.landed_at') }}
),

recounted as (
    select events_again.*
    from events_again
    inner join disturbed_days
        on
            events_again.extract_id = disturbed_days.extract_id
            and events_again.activity_date = disturbed_days.activity_date
    left join arrivals on events_again.extract_id = arrivals.extract_id
    where arrivals.extract_id is null
),

{% else %}
pruned_extract_days as (
    select * from {{ source('raw', 'pruned_extract_days') }}
),

{% endif %}
counted as (
    {% if by_arrival() %}
    select
        extract_id,
        app_id,
        activity_date,
        1 as events
    from arrived
    union all
    select
        extract_id,
        app_id,
        activity_date,
        1 as events
    from recounted
    {% else %}
    select
        extract_id,
        app_id,
        activity_date,
        1 as events
    from events
    union all
    select
        extract_id,
        app_id,
        activity_date,
        events
    from pruned_extract_days
    {% endif %}
),

final as (
    select
        extract_id,
        app_id,
        activity_date,
        cast(sum(events) as {{ dbt.type_bigint() }}) as events
    from counted
    group by extract_id, app_id, activity_date
)

select * from final
