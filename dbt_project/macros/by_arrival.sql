{#-
    Builds are by arrival or full. A full build makes every table anew from all visible events. A
    build by arrival takes what has changed since the last one, and adds it to what stands: the
    pipeline asks for it with --vars '{"by_arrival": true}', and only where the last build was
    finished and the definitions are the same.
-#}
{% macro by_arrival() -%}
    {{ return(var('by_arrival')) }}
{%- endmacro %}

{#- What a model of this schema held when the last build was finished, where ref() would be a cycle. -#}
{% macro standing(model_name) -%}
    {{ this.incorporate(path={'identifier': model_name}) }}
{%- endmacro %}

{#-
    The select of a table of additive counts: the changes of this build, one row per key, added to
    what stands. Counts of a full build are the changes from nothing. The model's unique_key must be
    the keys: rows that changed are replaced, all others stay untouched.
-#}
{% macro standing_plus(changes, keys, counts) -%}
    select
        {% for key in keys %}
        {{ changes }}.{{ key }},
        {% endfor %}
        {% for count in counts %}
        cast(
            {{ changes }}.{{ count }}
            {%- if by_arrival() %} + coalesce(standing.{{ count }}, 0){% endif %} as {{ dbt.type_bigint() }}
        ) as {{ count }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from {{ changes }}
    {%- if by_arrival() %}
    left join {{ this }} as standing
        on
            {% for key in keys %}
            {{ changes }}.{{ key }} = standing.{{ key }}
            {%- if not loop.last %} and{% endif %}
            {% endfor %}
    {%- endif %}
{%- endmacro %}
