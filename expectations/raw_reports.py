"""What must hold of a store's report before anything downstream may see it."""

from __future__ import annotations

from expectations.checks import Suite, warning
from expectations.reject_shares import ROWS_AND_SHARES, reject_shares

_PROFILE = f"""
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
        {ROWS_AND_SHARES},
        counted.least_units,
        counted.most_units,
    from ledger
    left join raw.reject_shares as shares using (source)
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
            *reject_shares("row", "Each rejected row is missing from the day's sum."),
            warning(
                "a report holds at least one row",
                "A header alone is a day without a single download, or an empty report.",
                "select extract_id, 1 as unexpected_count, rows_seen from {batch}"
                " where rows_seen = 0",
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
