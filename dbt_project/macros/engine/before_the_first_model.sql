{#- What an engine needs done before a command's first model. -#}
{% macro before_the_first_model() -%}
    {%- if execute -%}
        {{ return(adapter.dispatch('before_the_first_model', 'afterhype')()) }}
    {%- endif -%}
{%- endmacro %}

{#-
    A dbt that is run by hand makes tables of which the pipeline knows nothing: its next build makes
    everything anew. The pipeline's own builds are noted as finished once they are.
-#}
{% macro duckdb__before_the_first_model() -%}
    {%- if flags.WHICH in ('build', 'run') and not by_arrival() -%}
        update {{ source('ops', 'builds').render() }} set finished_at = null
    {%- endif -%}
{%- endmacro %}

{#-
    The raw contract, as the pipeline has handed it over: the events where they lie in the lake, every
    other table as the copy that this build was given. Made anew each time: a copy is never changed.
-#}
{% macro spark__before_the_first_model() -%}
    {%- set raw_tables = graph.sources.values() | selectattr('source_name', 'in', ['raw', 'ops', 'outlook']) | list -%}
    {%- set schemas = [] -%}
    {%- for node in (graph.nodes.values() | list) + raw_tables -%}
        {%- if node.resource_type in ('model', 'seed', 'source') and node.schema not in schemas -%}
            {%- do schemas.append(node.schema) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for schema in schemas -%}
        {%- do spark__create_schema(api.Relation.create(schema=schema)) -%}
        {%- do _refuse_the_schema_of_another_lake(schema) -%}
    {%- endfor -%}
    {%- for table in raw_tables -%}
        {%- if table.name == 'app_events' -%}
            {%- do _show_the_events_of_the_lake(table) -%}
        {%- else -%}
            {%- do run_query(
                'create or replace view ' ~ table.schema ~ '.' ~ table.name ~ ' as select * from parquet.`'
                ~ env_var('AFTERHYPE_CONTROL') ~ '/' ~ table.source_name ~ '.' ~ table.name ~ '.parquet`'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro _refuse_the_schema_of_another_lake(schema) -%}
    {%- for row in run_query('describe schema ' ~ schema).rows if row[0] == 'Location' -%}
        {%- set lies_at = row[1] | replace('file://', '') | replace('file:', '') -%}
        {%- if lies_at | replace('s3a://', 's3://') != _schema_location(schema) | replace('s3a://', 's3://') -%}
            {%- do exceptions.raise_compiler_error(
                'the schema ' ~ schema ~ ' of this metastore belongs to another home: its tables lie at ' ~ row[1]
                ~ '. Give this one a prefix of its own: AFTERHYPE_SCHEMA_PREFIX=other_'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- As a table with partitions: its files are listed once a build, not by each query. -#}
{% macro _show_the_events_of_the_lake(table) -%}
    {%- set relation = table.schema ~ '.' ~ table.name -%}
    {%- set columns = [] -%}
    {%- for column in table.columns.values() -%}
        {%- do columns.append(column.name ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query(
        'create table ' ~ relation ~ ' (' ~ (columns | join(', ')) ~ ', event_date date) using parquet'
        ~ ' partitioned by (app_id, event_date) location ' ~ "'" ~ env_var('AFTERHYPE_LAKE') ~ "/app_events'"
    ) -%}
    {%- do run_query('msck repair table ' ~ relation) -%}
{%- endmacro %}
