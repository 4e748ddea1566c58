with

ranks as (
    select * from {{ ref('stg_chart_ranks') }}
),

snapshots as (
    select * from {{ ref('stg_chart_snapshots') }}
),

store_ids as (
    select * from {{ ref('stg_app_store_ids') }}
),

apps as (
    select * from {{ ref('stg_apps') }}
),

charts as (
    select distinct
        store,
        storefront,
        chart,
        genre
    from snapshots
),

-- A tracked app is followed on every chart of its store, also where it never appeared: "off chart
-- since we look" is an answer, a missing row is not.
listed as (
    select
        store,
        storefront,
        chart,
        genre,
        store_app_id
    from ranks
    union
    select
        charts.store,
        charts.storefront,
        charts.chart,
        charts.genre,
        store_ids.store_app_id
    from charts
    inner join store_ids on charts.store = store_ids.store
),

-- Names differ by storefront and change over time: the latest one seen anywhere is the app's name.
names as (
    select
        store,
        store_app_id,
        app_name,
        row_number() over (
            partition by store, store_app_id
            order by snapshot_at desc, snapshot_id desc, rank asc
        ) as recency
    from ranks
    where app_name is not null
),

final as (
    select
        listed.store,
        listed.storefront,
        listed.chart,
        listed.genre,
        listed.store_app_id,
        apps.app_id is not null as is_tracked,
        coalesce(apps.app_id, {{ dbt.concat(['listed.store', "':'", 'listed.store_app_id']) }}) as app_id,
        coalesce(apps.app_name, names.app_name, listed.store_app_id) as app_name
    from listed
    left join store_ids
        on
            listed.store = store_ids.store
            and listed.store_app_id = store_ids.store_app_id
    left join apps on store_ids.app_id = apps.app_id
    left join names
        on
            listed.store = names.store
            and listed.store_app_id = names.store_app_id
            and names.recency = 1
)

select * from final
