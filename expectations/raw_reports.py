"""What must hold of a store's report before anything downstream may see it."""

from __future__ import annotations

from expectations.checks import Suite, critical, warning

_PROFILE = """
create or replace temp table report_profile as
with

ledger as (
    select * from raw.extracts semi join new_extracts using (extract_id)
    where kind in ('installs', 'reviews') and status = 'landed'
),

counted as (
    select extract_id, min(units) as least_units, max(units) as most_units
    from raw.store_installs semi join ledger using (extract_id)
    group by extract_id
),

final as (
    select
        ledger.extract_id,
        ledger.rows_seen,
        ledger.rows_landed,
        ledger.rows_rejected,
        ledger.rows_duplicate,
        coalesce(sources.reject_share_warning, 0.05) as reject_share_warning,
        coalesce(sources.reject_share_critical, 0.5) as reject_share_critical,
        counted.least_units,
        counted.most_units,
    from ledger
    left join raw.report_sources as sources using (source)
    left join counted using (extract_id)
)

select * from final
"""


def raw_reports() -> Suite:
    """One row of the batch is one new report of a store: its ledger row and its extremes."""
    return Suite(
        name="raw_reports",
        stage="raw",
        subject="new store reports",
        batch="select * from report_profile",
        checks=(
            critical(
                "a report brings at least one readable row",
                "A wholly rejected report is a broken download or a wrong mapping.",
                """
                select extract_id, rows_rejected as unexpected_count, rows_seen, rows_rejected
                from {batch} where rows_landed + rows_duplicate = 0 and rows_seen > 0
                """,
            ),
            warning(
                "a report holds at least one row",
                "A header alone is a day without a single download, or an empty report.",
                "select extract_id, 1 as unexpected_count, rows_seen from {batch}"
                " where rows_seen = 0",
            ),
            critical(
                "the share of a report's rows that are rejected is below its source's critical one",
                "What is left would not be the day's downloads any more.",
                """
                select extract_id, rows_rejected as unexpected_count, rows_seen, rows_rejected,
                    reject_share_critical
                from {batch}
                where rows_rejected > reject_share_critical * rows_seen
                    and rows_landed + rows_duplicate > 0
                """,
            ),
            warning(
                "few of a report's rows are rejected",
                "Each rejected row is missing from the day's sum.",
                """
                select extract_id, rows_rejected as unexpected_count, rows_seen, rows_rejected,
                    reject_share_warning
                from {batch}
                where rows_rejected > reject_share_warning * rows_seen
                    and rows_rejected <= reject_share_critical * rows_seen
                """,
            ),
            warning(
                "no day of a country has more than a billion of anything",
                "A number in the wrong column, such as an id, looks like this.",
                """
                select extract_id, 1 as unexpected_count, least_units, most_units
                from {batch} where greatest(most_units, -least_units) > 1e9
                """,
            ),
        ),
        prepare=(_PROFILE,),
    )
