{#- Whole spans of 24 hours from one timestamp to a later one, to the microsecond: not calendar days. -#}
{% macro elapsed_days(from_timestamp, to_timestamp) -%}
    {{ return(adapter.dispatch('elapsed_days', 'afterhype')(from_timestamp, to_timestamp)) }}
{%- endmacro %}

{% macro duckdb__elapsed_days(from_timestamp, to_timestamp) -%}
    date_sub('day', {{ from_timestamp }}, {{ to_timestamp }})
{%- endmacro %}

{% macro spark__elapsed_days(from_timestamp, to_timestamp) -%}
    timestampdiff(day, {{ from_timestamp }}, {{ to_timestamp }})
{%- endmacro %}
