{#-
    Macros of dbt's own that the adapter's version would answer otherwise than on other engines: as
    timestamps for dates, in whole months instead of calendar months, or with backslashes in texts.
-#}

{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {%- if datepart == 'day' -%}
        date_add({{ from_date_or_timestamp }}, cast({{ interval }} as int))
    {%- elif datepart == 'week' -%}
        date_add({{ from_date_or_timestamp }}, cast(({{ interval }}) * 7 as int))
    {%- elif datepart == 'month' -%}
        add_months({{ from_date_or_timestamp }}, cast({{ interval }} as int))
    {%- else -%}
        {{ exceptions.raise_compiler_error('dateadd: no model has needed ' ~ datepart ~ ' yet') }}
    {%- endif -%}
{%- endmacro %}

{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == 'day' -%}
        cast(datediff({{ second_date }}, {{ first_date }}) as bigint)
    {%- elif datepart == 'month' -%}
        cast(
            (year({{ second_date }}) - year({{ first_date }})) * 12
            + month({{ second_date }}) - month({{ first_date }}) as bigint
        )
    {%- elif datepart == 'minute' -%}
        timestampdiff(minute, date_trunc('minute', {{ first_date }}), date_trunc('minute', {{ second_date }}))
    {%- else -%}
        {{ exceptions.raise_compiler_error('datediff: no model has needed ' ~ datepart ~ ' yet') }}
    {%- endif -%}
{%- endmacro %}

{% macro spark__split_part(string_text, delimiter_text, part_number) -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}

{#- Backslashes begin escapes in texts there. -#}
{% macro spark__escape_single_quotes(expression) -%}
    {{ expression | replace('\\', '\\\\') | replace("'", "\\'") }}
{%- endmacro %}

{#- The rows of a seed as literals: the adapter would quote them without escaping what is in them. -#}
{% macro spark__load_csv_rows(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set statements = [] -%}
    {%- for chunk in agate_table.rows | batch(1000) -%}
        {%- set insert -%}
            insert into {{ this }} values
            {%- for row in chunk %}
            (
                {%- for name in agate_table.column_names -%}
                {%- set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
                cast(
                    {%- if row[loop.index0] is none -%}
                    null
                    {%- else -%}
                    '{{ dbt.escape_single_quotes(row[loop.index0] | string) }}'
                    {%- endif %} as {{ type }}
                ){{ ', ' if not loop.last }}
                {%- endfor -%}
            ){{ ',' if not loop.last }}
            {%- endfor -%}
        {%- endset -%}
        {%- do adapter.add_query(insert, abridge_sql_log=True) -%}
        {%- do statements.append(insert) -%}
    {%- endfor -%}
    {{ return(statements[0]) }}
{%- endmacro %}
