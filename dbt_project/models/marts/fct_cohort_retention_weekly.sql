-- noqa: disable=PRS
{{ cohort_retention('week', 'week_n') }}
