{#-
    Take away, before a build by arrival adds to a table that stands, the rows whose keys a query gives.
    Made for pre-hooks; does nothing in a full build.
-#}
{% macro take_away(keys, gone) -%}
    {%- if execute and by_arrival() -%}
        {{ return(adapter.dispatch('take_away', 'afterhype')(keys, gone)) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__take_away(keys, gone) -%}
    delete from {{ this }} where ({{ keys | join(', ') }}) in ({{ gone }})
{%- endmacro %}

{#-
    Files are not changed in place: the partitions that hold such rows are written anew, those of which
    nothing is left are dropped.
-#}
{% macro spark__take_away(keys, gone) -%}
    {%- set partition = config.require('partition_by')[0] -%}
    {%- set matches = [] -%}
    {%- for key in keys -%}
        {%- do matches.append('standing.' ~ key ~ ' = gone.' ~ key) -%}
    {%- endfor -%}
    {%- set touched -%}
        select
            cast(standing.{{ partition }} as string) as touched,
            count(*) - count(gone.{{ keys[0] }}) as rows_left
        from {{ this }} as standing
        left join ({{ gone }}) as gone on {{ matches | join(' and ') }}
        group by standing.{{ partition }}
        having count(gone.{{ keys[0] }}) > 0
    {%- endset -%}
    {%- set rewritten = [] -%}
    {%- set emptied = [] -%}
    {%- for row in run_query(touched).rows -%}
        {%- do (rewritten if row[1] > 0 else emptied).append(_quoted(row[0] | string)) -%}
    {%- endfor -%}
    {%- if rewritten -%}
        {%- do run_query(
            'insert overwrite table ' ~ this ~ ' by name select standing.* from ' ~ this ~ ' as standing'
            ~ ' left anti join (' ~ gone ~ ') as gone on ' ~ (matches | join(' and '))
            ~ ' where standing.' ~ partition ~ ' in (' ~ (rewritten | join(', ')) ~ ')'
        ) -%}
    {%- endif -%}
    {%- for value in emptied -%}
        {%- do run_query('alter table ' ~ this ~ ' drop if exists partition (' ~ partition ~ ' = ' ~ value ~ ')') -%}
    {%- endfor -%}
{%- endmacro %}
