{#-
    How tables are kept in DuckDB: replaced where they stand, in one transaction. dbt-duckdb writes each
    aside, renames it and what stood, and drops that: for a table of few rows twice the statements.
-#}
{% materialization table, adapter='duckdb' -%}
    {%- set standing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- if standing and not standing.is_table -%}
        {%- do adapter.drop_relation(standing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        {%- if config.get('contract').enforced -%}
            {{ get_assert_columns_equivalent(compiled_code) }}
            create or replace table {{ this }} {{ get_table_columns_and_constraints() }};
            insert into {{ this }} {{ get_column_names() }} {{ get_select_subquery(compiled_code) }}
        {%- else -%}
            create or replace table {{ this }} as {{ compiled_code }}
        {%- endif -%}
    {%- endcall -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}
