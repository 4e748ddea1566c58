with

apps as (
    select * from {{ ref('dim_apps') }}
),

growth as (
    select * from {{ ref('fct_growth_shape') }}
),

cumulative_downloads as (
    select * from {{ ref('int_cumulative_downloads') }}
),

milestones as (
    {% for milestone in var('launch_milestones') %}
    select cast({{ milestone }} as {{ dbt.type_bigint() }}) as milestone
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- The users of each day, counted from the app's first cohort on; the downloads of all stores, from the
-- first reported day on.
counts as (
    select
        app_id,
        'users' as measure,
        {{ add_days('activity_date', '0 - launch_day_n') }} as launch_date,
        activity_date as counted_on,
        cumulative_users as counted
    from growth
    where launch_day_n >= 0
    union all
    select
        app_id,
        'downloads' as measure,
        first_date as launch_date,
        install_date as counted_on,
        cumulative_downloads as counted
    from cumulative_downloads
),

reached as (
    select
        counts.app_id,
        counts.measure,
        milestones.milestone,
        min(counts.launch_date) as launch_date,
        min(case when counts.counted >= milestones.milestone then counts.counted_on end) as reached_on
    from counts
    cross join milestones
    group by counts.app_id, counts.measure, milestones.milestone
),

final as (
    select
        reached.app_id,
        reached.measure,
        reached.milestone,
        reached.launch_date,
        reached.reached_on,
        cast({{ dbt.datediff('reached.launch_date', 'reached.reached_on', 'day') }} as {{ dbt.type_int() }})
            as days_since_launch,
        apps.is_simulated
    from reached
    inner join apps on reached.app_id = apps.app_id
)

select * from final
