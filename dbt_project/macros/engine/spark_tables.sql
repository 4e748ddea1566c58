{#-
    How tables are kept on Spark: as Parquet files in the lake, in <lake>/build/<schema>/<table>, where
    DuckDB reads them when they come home. Plain files know no transaction: a build that fails leaves
    tables that are neither old nor new, and the one after it makes everything anew.
-#}

{% macro spark__file_format_clause() -%}
    using parquet
{%- endmacro %}

{% macro spark__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation }} location '{{ _schema_location(relation.schema) }}'
    {%- endcall -%}
{%- endmacro %}

{% macro _schema_location(schema_name) -%}
    {{ return(env_var('AFTERHYPE_LAKE') ~ '/build/' ~ schema_name[env_var('AFTERHYPE_SCHEMA_PREFIX') | length:]) }}
{%- endmacro %}

{% materialization table, adapter='spark' -%}
    {%- set standing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if standing and this.render() in compiled_code -%}
        {#- what reads itself is written aside first -#}
        {%- set aside = this.incorporate(path={'identifier': this.identifier ~ '__aside'}, type='table') -%}
        {%- do run_query('drop table if exists ' ~ aside) -%}
        {%- call statement('main') -%}
            {{ create_table_as(False, aside, compiled_code) }}
        {%- endcall -%}
        {%- do adapter.drop_relation(standing) -%}
        {%- do run_query('alter table ' ~ aside ~ ' rename to ' ~ this) -%}
    {%- else -%}
        {%- if standing -%}
            {%- do adapter.drop_relation(standing) -%}
        {%- endif -%}
        {%- call statement('main') -%}
            {{ create_table_as(False, target_relation, compiled_code) }}
        {%- endcall -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{% materialization incremental, adapter='spark' -%}
    {%- set standing = load_cached_relation(this) -%}
    {%- if not standing -%}
        {%- do exceptions.raise_compiler_error(
            this ~ ' is not there, so that a build by arrival has nothing to add to: run `afterhype build --full`'
        ) -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- if config.require('incremental_strategy') == 'append' -%}
        {%- call statement('main') -%}
            insert into {{ this }} by name {{ compiled_code }}
        {%- endcall -%}
    {%- else -%}
        {%- do _replace_rows(config.require('unique_key'), config.require('partition_by')[0]) -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{%- endmaterialization %}

{#- Write the partitions anew that hold rows of the model's query, with these rows over those that stand. -#}
{% macro _replace_rows(keys, partition) -%}
    {%- set changed = this.incorporate(path={'identifier': this.identifier ~ '__changed'}, type='table') -%}
    {%- do run_query('drop table if exists ' ~ changed) -%}
    {%- do run_query('create table ' ~ changed ~ ' using parquet as ' ~ model['compiled_code']) -%}
    {%- set touched = [] -%}
    {%- for row in run_query('select distinct ' ~ partition ~ ' from ' ~ changed).rows -%}
        {%- do touched.append(_quoted(row[0] | string)) -%}
    {%- endfor -%}
    {%- set matches = [] -%}
    {%- for key in keys -%}
        {%- do matches.append('standing.' ~ key ~ ' = changed.' ~ key) -%}
    {%- endfor -%}
    {%- set columns = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
    {%- call statement('main') -%}
        {%- if touched -%}
        insert overwrite table {{ this }} by name
        select {{ columns | join(', ') }} from {{ changed }}
        union all
        select standing.{{ columns | join(', standing.') }} from {{ this }} as standing
        left anti join {{ changed }} as changed on {{ matches | join(' and ') }}
        where standing.{{ partition }} in ({{ touched | join(', ') }})
        {%- else -%}
        select 'nothing has changed'
        {%- endif -%}
    {%- endcall -%}
    {%- do run_query('drop table ' ~ changed) -%}
{%- endmacro %}
