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

-- Stores correct their reports. The newest one that names its date holds, whole: a country that it
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

-- Where reports name no date, or the same one, the order of landing (or of the files) decides.
versions as (
    select
        *,
        row_number() over (
            partition by source, store, store_app_id, install_date, country, metric
            order by
                coalesce(version_at, landed_at) desc,
                coalesce(landing_number, 0) desc,
                extract_id asc
        ) as version
    from newest_report
),

-- It decides whole, too: a report of which one country is corrected has been replaced. Reports that
-- share no country, such as a file per country, are parts of one.
replacements as (
    select
        *,
        max(version) over (
            partition by
                source, store, store_app_id, install_date, metric, extract_id,
                case when country is null then 1 else 0 end
        ) as oldest_version
    from versions
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
    from replacements
    where oldest_version = 1
)

select * from final
