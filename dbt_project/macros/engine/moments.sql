{#-
    A moment is an instant with the segment that a user had at it, packed into one number: the time in
    microseconds above, the segment's key below. The least moment is the earliest, and among those of
    one instant the one with the least segment key: no matter in which order events arrive.
-#}
{% macro moment(event_time, segment_key) -%}
    {{ return(adapter.dispatch('moment', 'afterhype')(event_time, segment_key)) }}
{%- endmacro %}

{% macro duckdb__moment(event_time, segment_key) -%}
    ((cast(epoch_us({{ event_time }}) as hugeint) << 64) + {{ segment_key }})
{%- endmacro %}

{% macro spark__moment(event_time, segment_key) -%}
    case
        when {{ event_time }} is not null
            then struct({{ event_time }} as event_time, {{ segment_key }} as segment_key)
    end
{%- endmacro %}

{#- The instant of a moment. -#}
{% macro moment_time(moment) -%}
    {{ return(adapter.dispatch('moment_time', 'afterhype')(moment)) }}
{%- endmacro %}

{% macro duckdb__moment_time(moment) -%}
    make_timestamp(cast({{ moment }} >> 64 as bigint))
{%- endmacro %}

{% macro spark__moment_time(moment) -%}
    {{ moment }}.event_time
{%- endmacro %}

{#- The segment key of a moment. -#}
{% macro moment_segment(moment) -%}
    {{ return(adapter.dispatch('moment_segment', 'afterhype')(moment)) }}
{%- endmacro %}

{% macro duckdb__moment_segment(moment) -%}
    cast({{ moment }} & 9223372036854775807 as bigint)
{%- endmacro %}

{% macro spark__moment_segment(moment) -%}
    {{ moment }}.segment_key
{%- endmacro %}

{#-
    A number, 0 or more, that stands for the values of some columns: the first 60 bits of their MD5, which
    every engine computes alike. No column may be NULL: it would be left out.
-#}
{% macro key_of(columns) -%}
    {{ return(adapter.dispatch('key_of', 'afterhype')(columns)) }}
{%- endmacro %}

{% macro duckdb__key_of(columns) -%}
    cast('0x' || md5(concat_ws(chr(31), {{ columns | join(', ') }}))[:15] as bigint)
{%- endmacro %}

{% macro spark__key_of(columns) -%}
    cast(conv(left(md5(concat_ws(char(31), {{ columns | join(', ') }})), 15), 16, 10) as bigint)
{%- endmacro %}
