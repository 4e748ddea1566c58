{{ cohort_retention('day', 'day_n') }}
