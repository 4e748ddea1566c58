-- noqa: disable=PRS
{{ cohort_retention('month', 'month_n') }}
