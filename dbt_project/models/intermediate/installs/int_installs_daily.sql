with

installs as (
    select * from {{ ref('stg_store_installs') }}
),

store_ids as (
    select * from {{ ref('stg_app_store_ids') }}
),

per_source as (
    select
        store_ids.app_id,
        installs.source,
        installs.store,
        installs.install_date,
        installs.metric,
        sum(case when installs.country is null then installs.units end) as units_of_all_countries,
        sum(case when installs.country is not null then installs.units end) as units_by_country
    from installs
    inner join store_ids
        on
            installs.store = store_ids.store
            and installs.store_app_id = store_ids.store_app_id
    group by
        store_ids.app_id, installs.source, installs.store, installs.install_date, installs.metric
),

-- A total that a report gives is not the sum of its countries where these leave out small ones.
totals as (
    select
        app_id,
        source,
        store,
        install_date,
        metric,
        coalesce(units_of_all_countries, units_by_country) as units
    from per_source
),

-- Two reports of one store count the same thing in two ways: the larger is the more complete.
largest as (
    select
        app_id,
        store,
        install_date,
        metric,
        max(units) as units
    from totals
    group by app_id, store, install_date, metric
),

final as (
    select
        app_id,
        store,
        install_date,
        max(case when metric = 'downloads' then units end) as downloads,
        max(case when metric = 'redownloads' then units end) as redownloads,
        max(case when metric = 'updates' then units end) as updates,
        max(case when metric = 'installs' then units end) as installs,
        max(case when metric = 'uninstalls' then units end) as uninstalls
    from largest
    group by app_id, store, install_date
)

select * from final
