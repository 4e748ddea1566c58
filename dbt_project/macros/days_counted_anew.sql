{#-
    The days of int_extract_days, which is to be added to, that are counted anew or are no more: those of
    extracts that have been hidden or have arrived, and those of which events have gone.
-#}
{% macro days_counted_anew() -%}
    select
        days.extract_id,
        days.activity_date
    from {{ this }} as days
    left join {{ ref('stg_extracts') }} as extracts
        on
            days.extract_id = extracts.extract_id
            and extracts.is_visible
    left join {{ ref('stg_arrivals') }} as arrivals on days.extract_id = arrivals.extract_id
    left join (
        select distinct
            extract_id,
            activity_date
        from {{ ref('stg_disturbed_user_days') }}
    ) as disturbed
        on
            days.extract_id = disturbed.extract_id
            and days.activity_date = disturbed.activity_date
    where
        extracts.extract_id is null
        or arrivals.extract_id is not null
        or disturbed.extract_id is not null
{%- endmacro %}
