with

installs as (
    select * from {{ ref('int_installs_daily') }}
    where downloads is not null
),

first_days as (
    select
        app_id,
        store,
        min(install_date) as first_date
    from installs
    group by app_id, store
),

per_store as (
    select
        installs.app_id,
        installs.store,
        installs.install_date,
        sum(installs.downloads) over so_far as downloads_so_far,
        {{ dbt.datediff('first_days.first_date', 'installs.install_date', 'day') }} + 1
        - count(*) over so_far as missing_days
    from installs
    inner join first_days
        on
            installs.app_id = first_days.app_id
            and installs.store = first_days.store
    window so_far as (
        partition by installs.app_id, installs.store order by installs.install_date
        rows between unbounded preceding and current row
    )
),

days as (
    select
        app_id,
        install_date,
        sum(downloads_so_far) as downloads_so_far,
        sum(missing_days) as missing_days,
        count(*) as stores
    from per_store
    group by app_id, install_date
),

begun as (
    select
        days.app_id,
        days.install_date,
        min(first_days.first_date) as first_date,
        count(*) as stores
    from days
    inner join first_days
        on
            days.app_id = first_days.app_id
            and days.install_date >= first_days.first_date
    group by days.app_id, days.install_date
),

final as (
    select
        days.app_id,
        days.install_date,
        begun.first_date,
        case
            when days.missing_days = 0 and days.stores = begun.stores
                then cast(days.downloads_so_far as {{ dbt.type_bigint() }})
        end as cumulative_downloads
    from days
    inner join begun
        on
            days.app_id = begun.app_id
            and days.install_date = begun.install_date
)

select * from final
