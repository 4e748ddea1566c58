{#-
    Retention by behaviour looks at the events of recent cohorts only: what it costs must not grow with
    the history.
-#}

{#- The events of the models' users in the days that matter, per app, so that engines skip the older
    blocks of the table: bounds are literals, as a join will turn out what it will only later. In a unit
    test the windows are rows of the test, not a table that could be asked; the joins there bound all. -#}
{% macro events_of_recent_cohorts() -%}
    {%- set windows = ref('int_behaviour_windows') -%}
    {%- set spans = [] -%}
    {%- if execute and not windows.is_cte -%}
        {%- set query -%}
            select app_id, {{ day_begins_at('first_cohort_date') }}, {{ day_begins_at(add_days('last_cohort_date', 7)) }}
            from {{ windows }}
            order by app_id
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- do spans.append(row) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for app_id, first_time, end_time in spans %}
    select
        app_id,
        user_key,
        event_name,
        activity_date
    from {{ ref('stg_events') }}
    where
        app_id = {{ _quoted(app_id) }}
        and event_time >= timestamp '{{ first_time }}'
        and event_time < timestamp '{{ end_time }}'
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        app_id,
        user_key,
        event_name,
        activity_date
    from {{ ref('stg_events') }}
    {%- endfor %}
{%- endmacro %}

{#- A condition that holds for every day of a recent cohort's users from its start on, with the day as a
    literal, for the same reason. -#}
{% macro since_first_recent_cohort(activity_date) -%}
    {%- set windows = ref('int_behaviour_windows') -%}
    {%- set earliest = none -%}
    {%- if execute and not windows.is_cte -%}
        {%- set query = 'select min(first_cohort_date) from ' ~ windows -%}
        {%- set earliest = run_query(query).columns[0].values()[0] -%}
    {%- endif -%}
    {%- if earliest -%}
        {{ activity_date }} >= date '{{ earliest }}'
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}

{#- The level that a count lies in, by levels' least counts in order: '2-3' for 2 and 3 of [1, 2, 4]. -#}
{% macro level_of(count, least_counts) -%}
    case
        {% for least in least_counts | reverse -%}
        {%- set above = least_counts[least_counts | length - loop.index + 1] if not loop.first -%}
        when {{ count }} >= {{ least }} then '{{ least }}
            {%- if loop.first %}+{% elif above - 1 > least %}-{{ above - 1 }}{% endif %}'
        {% endfor -%}
        else '0'
    end
{%- endmacro %}

{#- Its position among the levels: 1 is the lowest that least_counts has. -#}
{% macro level_position(count, least_counts) -%}
    case
        {% for least in least_counts | reverse -%}
        when {{ count }} >= {{ least }} then {{ least_counts | length - loop.index + 1 }}
        {% endfor -%}
        else 0
    end
{%- endmacro %}
