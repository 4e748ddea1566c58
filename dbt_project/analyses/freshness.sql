-- How current is each source, and how much of it could not be used?
--
-- How to read it: behind_days counts from the newest event of any source. rejected_pct is the share of rows that
-- did not make sense; they are kept, with their reasons. within_3_days_pct is the share of events that had
-- landed three days after they happened; it is empty until there is a history of landing.

with

freshness as (

    select * from {{ ref('data_freshness') }}

),

late_arrivals as (

    select * from {{ ref('late_arrivals') }}

),

final as (

    select
        freshness.source,
        freshness.kind,
        cast(freshness.last_event_time as date) as last_event_date,
        cast(max(freshness.last_event_time) over () as date) - cast(freshness.last_event_time as date) as behind_days,
        freshness.extracts_quarantined as quarantined,
        freshness.extracts_failed as failed,
        freshness.rows_landed,
        round(
            100.0 * freshness.rows_rejected
            / nullif(freshness.rows_landed + freshness.rows_rejected + freshness.rows_duplicate, 0),
            2
        ) as rejected_pct,
        round(100.0 * late_arrivals.share, 1) as within_3_days_pct
    from freshness
    left join late_arrivals
        on freshness.source = late_arrivals.source and late_arrivals.within_days = 3

)

select * from final
order by behind_days desc nulls first, source asc
