{#-
    Schemas are a public contract, so they carry exactly the configured name, without dbt's prefix; where
    an engine's catalog is shared with others, with afterhype's own. The published file has one schema
    only, that of its target.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set name = target.schema if target.name == 'published' else custom_schema_name or target.schema -%}
    {{ env_var('AFTERHYPE_SCHEMA_PREFIX', '') ~ (name | trim) }}
{%- endmacro %}
