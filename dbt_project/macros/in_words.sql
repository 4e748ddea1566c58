{#- A sentence of literals and columns of any type, put one behind the other; NULL where one is. -#}
{% macro in_words(parts) -%}
    {%- set texts = [] -%}
    {%- for part in parts -%}
        {%- do texts.append(part if part[0] == "'" else 'cast(' ~ part ~ ' as ' ~ dbt.type_string() ~ ')') -%}
    {%- endfor -%}
    {{ dbt.concat(texts) }}
{%- endmacro %}

{#- A store's name without the slogan behind a colon or a dash, which may have commas of its own. -#}
{% macro without_slogan(name) -%}
    {%- set short = namespace(name=name) -%}
    {%- for mark in [': ', ' - ', ' – ', ' — '] -%}
        {%- set short.name = dbt.split_part(short.name, "'" ~ mark ~ "'", 1) | trim -%}
    {%- endfor -%}
    {{ short.name }}
{%- endmacro %}
