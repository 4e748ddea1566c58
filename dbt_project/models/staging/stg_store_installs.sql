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

-- Stores correct their reports and repeat a month's days in it: what landed last is what holds.
newest_first as (
    select
        *,
        row_number() over (
            partition by source, store, store_app_id, install_date, country, metric
            order by landed_at desc, extract_id asc
        ) as version
    from visible
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
