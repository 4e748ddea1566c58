{{ config(unique_key=['app_id', 'period', 'cohort_date', 'first_n', 'last_n']) }}
with

visits as (
    select * from {{ ref('int_period_visits') }}
),

brackets as (
    select * from {{ ref('int_brackets') }}
),

-- A user counts once per bracket, with the first visit in it.
changes as (
    select
        visits.app_id,
        visits.period,
        visits.cohort_date,
        brackets.first_n,
        brackets.last_n,
        sum(visits.version) as users
    from visits
    inner join brackets
        on
            visits.period = brackets.period
            and visits.period_n between brackets.first_n and brackets.last_n
            and (visits.previous_n is null or visits.previous_n < brackets.first_n)
    group by visits.app_id, visits.period, visits.cohort_date, brackets.first_n, brackets.last_n
),

final as (
    select
        changes.app_id,
        changes.period,
        changes.cohort_date,
        changes.first_n,
        changes.last_n,
        {{ plus_standing('changes', 'users') }} as users
    from changes {{ join_standing('changes', ['app_id', 'period', 'cohort_date', 'first_n', 'last_n']) }}
)

select * from final
