{#-
    A text as it is searched where words have no spaces between them. Reviews come composed from staging, so
    that a letter is one code.
-#}
{% macro plain_letters(text) -%}
    lower({{ text }})
{%- endmacro %}
