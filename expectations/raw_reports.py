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


_OVERLAPS = """
create or replace temp table report_overlaps as
select newer.extract_id, count(distinct newer.install_date) as days
from raw.store_installs as newer
semi join report_profile on newer.extract_id = report_profile.extract_id
inner join raw.extracts as newer_file on newer.extract_id = newer_file.extract_id
inner join raw.store_installs as older
    on
        newer.source = older.source
        and newer.store = older.store
        and newer.store_app_id = older.store_app_id
        and newer.install_date = older.install_date
        and newer.country is not distinct from older.country
        and newer.metric = older.metric
        and newer.reported_on is not distinct from older.reported_on
        and newer.landing_number > coalesce(older.landing_number, 0)
        -- with newest_by: modified the files say it, unless their times are the same
        and (newer.version_at = newer.landed_at or newer.version_at = older.version_at)
inner join raw.extracts as older_file
    on older.extract_id = older_file.extract_id and older_file.status = 'landed'
-- what replaces a file at its path is newer than the file
where newer_file.uri <> older_file.uri
group by newer.extract_id
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
                "a report that corrects another one says of when it is",
                "Neither a date within it nor the day in the file's name says which is newer: the"
                " one that landed last holds, in one run the last by name. Map reported_on, put the"
                " day into the name, or say newest_by: modified.",
                """
                select extract_id, days as unexpected_count from report_overlaps
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
        prepare=(_PROFILE, _OVERLAPS),
    )
