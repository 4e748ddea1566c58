{#-
    Builds are by arrival or full. A full build makes every table anew from all visible events. A
    build by arrival takes what has changed since the last one, and adds it to what stands: the
    pipeline asks for it with --vars '{"by_arrival": true}', and only where the last build was
    finished and the definitions are the same. What is parsed serves both: a build by arrival refers
    to all that a full one refers to, and more.
-#}
{% macro by_arrival() -%}
    {{ return(var('by_arrival') or not execute) }}
{%- endmacro %}

{#- What a model of this schema held when the last build was finished, where ref() would be a cycle. -#}
{% macro standing(model_name) -%}
    {%- if execute %}{{ this.incorporate(path={'identifier': model_name}) }}{% endif -%}
{%- endmacro %}

{#-
    Additive counts: the changes of this build, one row per key, are added to what stands. The counts
    of a full build are the changes from nothing. The model's unique_key must be the keys: rows that
    change are replaced, all others stay untouched.
-#}

{#- A count of the changes, plus what stands of it. -#}
{% macro plus_standing(changes, count) -%}
    cast(
        {{ changes }}.{{ count }}{% if by_arrival() %} + coalesce(standing.{{ count }}, 0){% endif %}
        as {{ dbt.type_bigint() }}
    )
{%- endmacro %}

{#- The join of the changes with what stands, which plus_standing() needs. -#}
{% macro join_standing(changes, keys) -%}
    {%- if by_arrival() -%}
    left join {{ this }} as standing
        on
            {% for key in keys %}
            {{ changes }}.{{ key }} = standing.{{ key }}
            {%- if not loop.last %} and{% endif %}
            {% endfor %}
    {%- endif -%}
{%- endmacro %}

{#-
    A condition that holds for every event of an arrived extract, with the landing time as a literal:
    engines skip the older blocks of a table for a constant, not for what a join will turn out to be.
    In a unit test the arrivals are rows of the test, not a table that could be asked.
-#}
{% macro landed_since_last_build(landed_at) -%}
    {%- set arrivals = ref('stg_arrivals') -%}
    {%- set earliest = none -%}
    {%- if execute and not arrivals.is_cte -%}
        {%- set earliest = run_query('select min(landed_at) from ' ~ arrivals).columns[0].values()[0] -%}
    {%- endif -%}
    {%- if earliest -%}
        {{ landed_at }} >= timestamp '{{ earliest }}'
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}
