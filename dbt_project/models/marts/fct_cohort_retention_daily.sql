-- noqa: disable=PRS
{{ cohort_retention('day', 'day_n') }}
