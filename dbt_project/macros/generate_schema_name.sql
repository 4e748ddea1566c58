{#-
    Schemas are a public contract, so they carry exactly the configured name, without dbt's prefix. The
    published file has one schema only, that of its target.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (target.schema if target.name == 'published' else custom_schema_name or target.schema) | trim }}
{%- endmacro %}
