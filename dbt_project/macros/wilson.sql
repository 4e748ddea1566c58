{#-
    One bound ('low' or 'high') of the Wilson 95 % score interval of a proportion (Wilson 1927), as a
    fraction. NULL without trials. Kept inside 0..1 and rounded to 12 decimals, so that engines and
    rebuilds agree to the last digit.
-#}
{% macro wilson_bound(successes, trials, bound) -%}
    {%- set z = 1.959963984540054 -%}
    {%- set n = 'cast(' ~ trials ~ ' as double)' -%}
    {%- set p = '(' ~ successes ~ ' / ' ~ n ~ ')' -%}
    {%- set sign = '-' if bound == 'low' else '+' -%}
    case
        when {{ trials }} > 0
            then round(least(1.0, greatest(0.0, (
                {{ p }} + {{ z * z / 2 }} / {{ n }}
                {{ sign }} {{ z }} * sqrt({{ p }} * (1 - {{ p }}) / {{ n }} + {{ z * z / 4 }} / ({{ n }} * {{ n }}))
            ) / (1 + {{ z * z }} / {{ n }}))), 12)
    end
{%- endmacro %}

{#- successes / trials as a fraction; NULL without trials. -#}
{% macro rate(successes, trials) -%}
    case when {{ trials }} > 0 then {{ successes }} / cast({{ trials }} as double) end
{%- endmacro %}
