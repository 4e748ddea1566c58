with

final as (
    {% for period, brackets in var('brackets').items() %}
    {% for first_n, last_n in brackets if last_n <= horizon(period) %}
    select
        '{{ period }}' as period,
        {{ first_n }} as first_n,
        {{ last_n }} as last_n
    union all
    {% endfor %}
    {% endfor %}
    select
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as {{ dbt.type_int() }}) as first_n,
        cast(null as {{ dbt.type_int() }}) as last_n
)

select * from final
where period is not null
