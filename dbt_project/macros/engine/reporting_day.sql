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

{% macro spark__reporting_day(utc_timestamp) -%}
    {%- set timezone = var('reporting_timezone') -%}
    {%- if timezone == 'UTC' -%}
        cast({{ utc_timestamp }} as date)
    {%- else -%}
        cast(convert_timezone('UTC', '{{ dbt.escape_single_quotes(timezone) }}', {{ utc_timestamp }}) as date)
    {%- endif -%}
{%- endmacro %}

{#- The instant, as a naive UTC timestamp, at which a calendar day of the reporting time zone begins. -#}
{% macro day_begins_at(date) -%}
    {{ return(adapter.dispatch('day_begins_at', 'afterhype')(date)) }}
{%- endmacro %}

{% macro duckdb__day_begins_at(date) -%}
    {%- set timezone = var('reporting_timezone') -%}
    {%- if timezone == 'UTC' -%}
        cast({{ date }} as timestamp)
    {%- else -%}
        {#- Where clocks go back over midnight it comes twice, and DuckDB takes the second one: the first
            is where the clocks of the day before, had they gone on, would have shown it. -#}
        {%- set zone = dbt.escape_single_quotes(timezone) -%}
        {%- set to_utc = "at time zone '" ~ zone ~ "' at time zone 'UTC'" -%}
        {%- set to_local = "at time zone 'UTC' at time zone '" ~ zone ~ "'" -%}
        {%- set midnight = 'cast(' ~ date ~ ' as timestamp)' -%}
        {%- set instant = '(' ~ midnight ~ ' ' ~ to_utc ~ ')' -%}
        {%- set day_before = '(' ~ instant ~ ' - interval 24 hour)' -%}
        {%- set first = '(' ~ midnight ~ ' - (' ~ day_before ~ ' ' ~ to_local ~ ' - ' ~ day_before ~ '))' -%}
        case when {{ first }} {{ to_local }} = {{ midnight }} then {{ first }} else {{ instant }} end
    {%- endif -%}
{%- endmacro %}

{% macro spark__day_begins_at(date) -%}
    {%- set timezone = var('reporting_timezone') -%}
    {%- if timezone == 'UTC' -%}
        cast({{ date }} as timestamp_ntz)
    {%- else -%}
        convert_timezone('{{ dbt.escape_single_quotes(timezone) }}', 'UTC', cast({{ date }} as timestamp_ntz))
    {%- endif -%}
{%- endmacro %}

{#- The last moment, as a naive UTC timestamp, before some hours after another one have passed. -#}
{% macro just_before_hours_after(utc_timestamp, hours) -%}
    {{ return(adapter.dispatch('just_before_hours_after', 'afterhype')(utc_timestamp, hours)) }}
{%- endmacro %}

{% macro duckdb__just_before_hours_after(utc_timestamp, hours) -%}
    ({{ utc_timestamp }} + to_hours({{ hours }}) - interval 1 microsecond)
{%- endmacro %}

{% macro spark__just_before_hours_after(utc_timestamp, hours) -%}
    ({{ utc_timestamp }} + make_dt_interval(0, {{ hours }}) - interval '0.000001' second)
{%- endmacro %}
