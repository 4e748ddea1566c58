{#-
    Which events count, as the sources file says per app: var event_rules maps an app_id to
    {activity: [names], cohort: [names]}. Without activity every event counts; without cohort the
    first event that counts as activity starts the user's cohort.
-#}

{#- Whether an event counts as activity. -#}
{% macro is_activity(app_id, event_name) -%}
    {{ _event_rule('activity', app_id, event_name, 'true') }}
{%- endmacro %}

{#- Whether an event can start its user's cohort. -#}
{% macro starts_cohort(app_id, event_name) -%}
    {{ _event_rule('cohort', app_id, event_name, is_activity(app_id, event_name)) }}
{%- endmacro %}

{% macro _event_rule(rule, app_id, event_name, otherwise) -%}
    {%- set ruled = [] -%}
    {%- for app, rules in var('event_rules').items() if rules.get(rule) -%}
        {%- do ruled.append(app) -%}
    {%- endfor -%}
    {%- if not ruled -%}
        {{ otherwise }}
    {%- else -%}
        case {{ app_id }}
            {% for app in ruled -%}
            when {{ _quoted(app) }} then {{ event_name }} in (
                {%- for name in var('event_rules')[app][rule] -%}
                {{ _quoted(name) }}{{ ', ' if not loop.last }}
                {%- endfor -%}
            )
            {% endfor -%}
            else {{ otherwise }}
        end
    {%- endif -%}
{%- endmacro %}

{% macro _quoted(text) -%}
    '{{ dbt.escape_single_quotes(text) }}'
{%- endmacro %}

{#- A segment as the marts show it: 'unknown' where the source did not say, 'all' where it is pooled. -#}
{% macro segment(column, name) -%}
    {%- if name in var('segments') -%}
        coalesce({{ column }}, 'unknown')
    {%- else -%}
        'all'
    {%- endif -%}
{%- endmacro %}
