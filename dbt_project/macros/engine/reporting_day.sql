{#- The calendar day, in the reporting time zone, of a naive UTC timestamp. -#}
{% macro reporting_day(utc_timestamp) -%}
    {{ return(adapter.dispatch('reporting_day', 'afterhype')(utc_timestamp)) }}
{%- endmacro %}

{% macro duckdb__reporting_day(utc_timestamp) -%}
    {%- set timezone = var('reporting_timezone') -%}
    {%- if timezone == 'UTC' -%}
        cast({{ utc_timestamp }} as date)
    {%- else -%}
        cast(
            ({{ utc_timestamp }} at time zone 'UTC')
            at time zone '{{ dbt.escape_single_quotes(timezone) }}' as date
        )
    {%- endif -%}
{%- endmacro %}
