{{ config(
    materialized='standing',
    incremental_strategy='append',
    partition_by=['app_id'],
    pre_hook="{{ take_away(['app_id', 'cohort_date'], changed_cohorts('week')) }}",
) }}
-- noqa: disable=PRS
{{ cohort_retention('week', 'week_n') }}
