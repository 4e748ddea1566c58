{{ cohort_retention('week', 'week_n') }}
