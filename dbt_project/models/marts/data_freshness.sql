with

extracts as (
    select * from {{ ref('stg_extracts') }}
),

event_sources as (
    select * from {{ ref('stg_event_sources') }}
),

ledger as (
    select
        source,
        max(kind) as kind,
        max(case when is_visible then landed_at end) as last_landed_at,
        max(case when is_visible then max_event_time end) as last_event_time,
        sum(case when is_visible then 1 else 0 end) as extracts_landed,
        sum(case when status = 'quarantined' then 1 else 0 end) as extracts_quarantined,
        sum(case when status = 'failed' then 1 else 0 end) as extracts_failed,
        sum(case when is_visible then rows_landed end) as rows_landed,
        sum(case when is_visible then rows_rejected end) as rows_rejected,
        sum(case when is_visible then rows_duplicate end) as rows_duplicate
    from extracts
    group by source
),

-- A source that is configured but has never landed anything is the stalest of all, and has a row.
final as (
    select
        coalesce(ledger.source, event_sources.source) as source,
        coalesce(ledger.kind, 'events') as kind,
        event_sources.app_id,
        ledger.last_landed_at,
        ledger.last_event_time,
        cast(coalesce(ledger.extracts_landed, 0) as {{ dbt.type_bigint() }}) as extracts_landed,
        cast(coalesce(ledger.extracts_quarantined, 0) as {{ dbt.type_bigint() }}) as extracts_quarantined,
        cast(coalesce(ledger.extracts_failed, 0) as {{ dbt.type_bigint() }}) as extracts_failed,
        cast(coalesce(ledger.rows_landed, 0) as {{ dbt.type_bigint() }}) as rows_landed,
        cast(coalesce(ledger.rows_rejected, 0) as {{ dbt.type_bigint() }}) as rows_rejected,
        cast(coalesce(ledger.rows_duplicate, 0) as {{ dbt.type_bigint() }}) as rows_duplicate
    from ledger
    full outer join event_sources on ledger.source = event_sources.source
)

select * from final
