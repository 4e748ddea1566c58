{#-
    A keyword as it occurs in the latin_words of a text: a word's beginning or, where the keyword ends
    with a full stop, a whole word.
-#}
{% macro latin_keyword(keyword) -%}
    case
        when right({{ keyword }}, 1) = '.' then {{ latin_words(keyword) }}
        else rtrim({{ latin_words(keyword) }})
    end
{%- endmacro %}
