{#-
    Which events count, as the sources file says per app: var event_rules maps an app_id to
    {activity: [names], cohort: [names]}. Without activity every event counts; without cohort the
    first event that counts as activity starts the user's cohort. Var behaviour_rules maps an app_id to
    {creation: [names], sharing: [names]}.
-#}

{#- Whether an event counts as activity. -#}
{% macro is_activity(app_id, event_name) -%}
    {{ _event_rule('activity', app_id, event_name, 'true') }}
{%- endmacro %}

{#- Whether an event can start its user's cohort. -#}
{% macro starts_cohort(app_id, event_name) -%}
    {{ _event_rule('cohort', app_id, event_name, is_activity(app_id, event_name)) }}
{%- endmacro %}

{#- Whether by an event something is made; never where the sources file does not say. -#}
{% macro is_creation(app_id, event_name) -%}
    {{ _event_rule('creation', app_id, event_name, 'false', 'behaviour_rules') }}
{%- endmacro %}

{#- Whether by an event something is passed on; never where the sources file does not say. -#}
{% macro is_sharing(app_id, event_name) -%}
    {{ _event_rule('sharing', app_id, event_name, 'false', 'behaviour_rules') }}
{%- endmacro %}

{#- Whether the sources file says for an app which events are of that behaviour. -#}
{% macro has_behaviour_rule(rule, app_id) -%}
    {%- set ruled = _ruled_apps(rule, 'behaviour_rules') -%}
    {%- if not ruled -%}
        false
    {%- else -%}
        {{ app_id }} in (
        {%- for app in ruled -%}
            {{ _quoted(app) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
        )
    {%- endif -%}
{%- endmacro %}

{% macro _ruled_apps(rule, rules_of_apps) -%}
    {%- set ruled = [] -%}
    {%- for app, rules in var(rules_of_apps).items() if rules.get(rule) -%}
        {%- do ruled.append(app) -%}
    {%- endfor -%}
    {{ return(ruled) }}
{%- endmacro %}

{% macro _event_rule(rule, app_id, event_name, otherwise, rules_of_apps='event_rules') -%}
    {%- set ruled = _ruled_apps(rule, rules_of_apps) -%}
    {%- if not ruled -%}
        {{ otherwise }}
    {%- else -%}
        case {{ app_id }}
            {% for app in ruled -%}
            when {{ _quoted(app) }} then {{ event_name }} in (
                {%- for name in var(rules_of_apps)[app][rule] -%}
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
