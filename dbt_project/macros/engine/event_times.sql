{#-
    The event times of a long day: the list that is kept of a reporting day of more than 24 hours,
    NULL of every other day. Its first and last event do not tell all windows of 24 hours it meets.
-#}

{#- A list of the one event time, as the contribution of one event. -#}
{% macro event_time_list(event_time) -%}
    {{ return(adapter.dispatch('event_time_list', 'afterhype')(event_time)) }}
{%- endmacro %}

{% macro duckdb__event_time_list(event_time) -%}
    [{{ event_time }}]
{%- endmacro %}

{% macro spark__event_time_list(event_time) -%}
    array({{ event_time }})
{%- endmacro %}

{#- The lists of a group, joined into one; NULL where there is none. -#}
{% macro joined_event_times(lists) -%}
    {{ return(adapter.dispatch('joined_event_times', 'afterhype')(lists)) }}
{%- endmacro %}

{% macro duckdb__joined_event_times(lists) -%}
    flatten(list({{ lists }}) filter (where {{ lists }} is not null))
{%- endmacro %}

{#- collect_list leaves NULLs out, and makes an empty list of nothing but NULLs. -#}
{% macro spark__joined_event_times(lists) -%}
    nullif(flatten(collect_list({{ lists }})), cast(array() as {{ type_event_times() }}))
{%- endmacro %}

{#- A select-list expression that yields one row per event time of a list. -#}
{% macro each_event_time(list) -%}
    {{ return(adapter.dispatch('each_event_time', 'afterhype')(list)) }}
{%- endmacro %}

{% macro duckdb__each_event_time(list) -%}
    unnest({{ list }})
{%- endmacro %}

{% macro spark__each_event_time(list) -%}
    explode({{ list }})
{%- endmacro %}

{#- The type of such a list. -#}
{% macro type_event_times() -%}
    {{ return(adapter.dispatch('type_event_times', 'afterhype')()) }}
{%- endmacro %}

{% macro duckdb__type_event_times() -%}
    timestamp[]
{%- endmacro %}

{% macro spark__type_event_times() -%}
    array<timestamp_ntz>
{%- endmacro %}
