{#- A date some days later, as a date: most engines' date addition returns a timestamp. -#}
{% macro add_days(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro %}
