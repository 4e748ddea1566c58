{#- A sentence of literals and columns of any type, put one behind the other; NULL where one is. -#}
{% macro in_words(parts) -%}
    {%- set texts = [] -%}
    {%- for part in parts -%}
        {%- do texts.append(part if part[0] == "'" else 'cast(' ~ part ~ ' as ' ~ dbt.type_string() ~ ')') -%}
    {%- endfor -%}
    {{ dbt.concat(texts) }}
{%- endmacro %}
