{{ cohort_retention('month', 'month_n') }}
