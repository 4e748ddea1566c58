{#-
    How models are kept that a build by arrival treats differently. Asked when a model runs, not when
    the project is parsed, so that one parse serves both kinds of build.
-#}

{#- What stands: made anew by a full build, added to by a build by arrival. -#}
{% materialization standing, default -%}
    {{ return(_materialized_as('incremental' if by_arrival() else 'table')) }}
{%- endmaterialization %}

{#- What changed in this build. In a full build that is everything: read in place, not copied. -#}
{% materialization changes, default -%}
    {{ return(_materialized_as('table' if by_arrival() else 'view')) }}
{%- endmaterialization %}

{% macro _materialized_as(name) -%}
    {%- set default = context['materialization_' ~ name ~ '_default'] -%}
    {{ return(context.get('materialization_' ~ name ~ '_' ~ adapter.type(), default)()) }}
{%- endmacro %}
