{#- Calendar periods: 'day', 'week' (from the weekday week_start) or 'month'. -#}

{#- The first day of the period that holds a date. -#}
{% macro period_start_of(date, period) -%}
    {%- if period == 'day' -%}
        {{ date }}
    {%- elif period == 'week' and week_start_offset() > 0 -%}
        {{ add_days(dbt.date_trunc('week', add_days(date, 0 - week_start_offset())), week_start_offset()) }}
    {%- else -%}
        cast({{ dbt.date_trunc(period, date) }} as date)
    {%- endif -%}
{%- endmacro %}

{#- Days from Monday, with which every engine's weeks begin, to the weekday with which weeks begin here. -#}
{% macro week_start_offset() -%}
    {%- set weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] -%}
    {{ return(weekdays.index(var('week_start'))) }}
{%- endmacro %}

{#- The first day of the period that starts some periods after a date that starts one. -#}
{% macro add_periods(period_start, period, periods) -%}
    {%- if period == 'week' -%}
        {{ add_days(period_start, '(' ~ periods ~ ') * 7') }}
    {%- else -%}
        cast({{ dbt.dateadd(period, periods, period_start) }} as date)
    {%- endif -%}
{%- endmacro %}

{#- How many periods lie between two period starts; weeks by days, as engines disagree on weeks. -#}
{% macro periods_between(from_period_start, to_period_start, period) -%}
    {%- if period == 'week' -%}
        cast({{ dbt.datediff(from_period_start, to_period_start, 'day') }} / 7 as {{ dbt.type_bigint() }})
    {%- else -%}
        {{ dbt.datediff(from_period_start, to_period_start, period) }}
    {%- endif -%}
{%- endmacro %}

{#- The last period_n for which retention is kept. -#}
{% macro horizon(period) -%}
    {{ return(var('horizon_days') // {'day': 1, 'week': 7, 'month': 30}[period]) }}
{%- endmacro %}

{#- Hours of the windows that are counted from a user's own start; a month is 30 days of 24 hours. -#}
{% macro window_hours(period) -%}
    {{ return({'day': 24, 'week': 168, 'month': 720}[period]) }}
{%- endmacro %}

{#- The same, of the period that a column names. -#}
{% macro horizon_of(period_column) -%}
    case {{ period_column }}
        when 'day' then {{ horizon('day') }}
        when 'week' then {{ horizon('week') }}
        when 'month' then {{ horizon('month') }}
    end
{%- endmacro %}
