{#-
    A dbt that is run by hand makes tables of which the pipeline knows nothing: its next build makes
    everything anew. The pipeline's own builds are noted as finished once they are.
-#}
{% macro disown_the_last_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run') and not by_arrival() -%}
        update {{ source('ops', 'builds').render() }} set finished_at = null
    {%- endif -%}
{%- endmacro %}
