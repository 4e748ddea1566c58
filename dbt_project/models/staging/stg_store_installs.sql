with

store_installs as (
    select * from {{ source('raw', 'store_installs') }}
),

extracts as (
    select * from {{ ref('stg_extracts') }}
),

visible as (
    select store_installs.*
    from store_installs
    inner join extracts
        on
            store_installs.extract_id = extracts.extract_id
            and extracts.is_visible
),

-- Stores correct their reports. The newest one that names its day holds, whole: a country that it
-- leaves out is gone. A report's total is a report of its own beside those by country.
reported as (
    select
        *,
        max(reported_on) over (
            partition by
                source, store, store_app_id, install_date, metric,
                case when country is null then 1 else 0 end
        ) as last_reported_on
    from visible
),

newest_report as (
    select * from reported
    where last_reported_on is null or reported_on = last_reported_on
),

-- Where reports name no day, what landed last holds: a month's file repeats its days.
newest_first as (
    select
        *,
        row_number() over (
            partition by source, store, store_app_id, install_date, country, metric
            order by landed_at desc, extract_id asc
        ) as version
    from newest_report
),

final as (
    select
        source,
        store,
        store_app_id,
        install_date,
        country,
        metric,
        units
    from newest_first
    where version = 1
)

select * from final
