with

installs as (
    select * from {{ ref('int_installs_daily') }}
),

first_days as (
    select
        app_id,
        store,
        min(install_date) as first_date
    from installs
    where downloads is not null
    group by app_id, store
),

days as (
    select
        installs.*,
        {{ dbt.datediff('first_days.first_date', 'installs.install_date', 'day') }}
            as days_since_first
    from installs
    left join first_days
        on
            installs.app_id = first_days.app_id
            and installs.store = first_days.store
            and installs.install_date >= first_days.first_date
),

cumulated as (
    select
        *,
        sum(downloads) over so_far as cumulative_downloads,
        days_since_first + 1 - count(downloads) over so_far as missing_days
    from days
    window so_far as (
        partition by app_id, store order by install_date
        rows between unbounded preceding and current row
    )
),

-- With a day missing before it, the day on which a number was reached cannot be told.
reached as (
    select
        *,
        case when missing_days = 0 and cumulative_downloads >= 100000 then days_since_first end
            as days_100k,
        case when missing_days = 0 and cumulative_downloads >= 1000000 then days_since_first end
            as days_1m,
        case when missing_days = 0 and cumulative_downloads >= 10000000 then days_since_first end
            as days_10m
    from cumulated
),

final as (
    select
        app_id,
        store,
        install_date,
        cast(downloads as {{ dbt.type_bigint() }}) as downloads,
        cast(redownloads as {{ dbt.type_bigint() }}) as redownloads,
        cast(updates as {{ dbt.type_bigint() }}) as updates,
        cast(installs as {{ dbt.type_bigint() }}) as installs,
        cast(uninstalls as {{ dbt.type_bigint() }}) as uninstalls,
        cast(cumulative_downloads as {{ dbt.type_bigint() }}) as cumulative_downloads,
        cast(missing_days as {{ dbt.type_int() }}) as missing_days,
        cast(min(days_100k) over so_far as {{ dbt.type_int() }}) as days_to_100k,
        cast(min(days_1m) over so_far as {{ dbt.type_int() }}) as days_to_1m,
        cast(min(days_10m) over so_far as {{ dbt.type_int() }}) as days_to_10m
    from reached
    window so_far as (
        partition by app_id, store order by install_date
        rows between unbounded preceding and current row
    )
)

select * from final
