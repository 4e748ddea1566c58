{#- Calendar periods: 'day', 'week' (from Monday, ISO 8601) or 'month'. -#}

{#- The first day of the period that holds a date. -#}
{% macro period_start_of(date, period) -%}
    {%- if period == 'day' -%}
        {{ date }}
    {%- else -%}
        cast({{ dbt.date_trunc(period, date) }} as date)
    {%- endif -%}
{%- endmacro %}

{#- The first day of the period after the one that starts on a date. -#}
{% macro next_period_start(period_start, period) -%}
    cast({{ dbt.dateadd(period, 1, period_start) }} as date)
{%- endmacro %}

{#- How many periods lie between two period starts; weeks by days, as engines disagree on weeks. -#}
{% macro periods_between(from_period_start, to_period_start, period) -%}
    {%- if period == 'week' -%}
        cast({{ dbt.datediff(from_period_start, to_period_start, 'day') }} / 7 as {{ dbt.type_bigint() }})
    {%- else -%}
        {{ dbt.datediff(from_period_start, to_period_start, period) }}
    {%- endif -%}
{%- endmacro %}
