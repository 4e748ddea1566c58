with

{% if var('reporting_timezone') == 'UTC' %}
calendar as (
    select cast(null as date) as activity_date
),
{% else %}
calendar as (
    select {{ each_day("date '1990-01-01'", "date '2069-12-31'") }} as activity_date
),
{% endif %}

spans as (
    select
        activity_date,
        {{ dbt.datediff(
            day_begins_at('activity_date'), day_begins_at(add_days('activity_date', 1)), 'minute'
        ) }} as minutes
    from calendar
),

final as (
    select activity_date
    from spans
    where minutes > 24 * 60
)

select * from final
