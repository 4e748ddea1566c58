"""How many of an extract's rows may be rejected, whatever it delivers."""

from __future__ import annotations

from expectations.checks import Check, critical, warning

ROWS_AND_SHARES = """
        ledger.rows_seen,
        ledger.rows_landed,
        ledger.rows_rejected,
        ledger.rows_duplicate,
        ledger.rows_rejected - coalesce(ledger.rows_nameless, 0) as rows_broken,
        coalesce(shares.warning, 0.05) as reject_share_warning,
        coalesce(shares.critical, 0.5) as reject_share_critical
"""
"""Columns of a profile of the ledger, joined with raw.reject_shares as shares, by source."""


def reject_shares(row: str, meaning: str) -> tuple[Check, ...]:
    """The checks of a profile with one row or more per extract, with ROWS_AND_SHARES.

    ``row`` is what a row is called here, ``meaning`` says what is lost with one.
    """
    nameless = " Rows that say that they are nobody's (undefined, \\N) only warn."
    counts = "select distinct extract_id, rows_rejected as unexpected_count, rows_seen"
    return (
        critical(
            f"an extract brings at least one readable {row}",
            "A wholly rejected one is a broken export or a wrong mapping.",
            f"{counts}, rows_rejected from {{batch}}"
            " where rows_landed + rows_duplicate = 0 and rows_seen > 0",
        ),
        critical(
            "the share of an extract's rows that are rejected is below its source's critical one",
            f"{meaning} Look first at why, in raw.rejects: a wrong column, delimiter or encoding"
            " rejects most rows, and is what to correct. The source's rejects.critical says how"
            " many are too many, by default 50 %: another is for exports with so many bad rows."
            + (nameless if row == "event" else ""),
            f"{counts}, reject_share_critical from {{batch}}"
            " where rows_broken > reject_share_critical * rows_seen"
            " and rows_landed + rows_duplicate > 0",
        ),
        warning(
            "few of an extract's rows are rejected",
            f"{meaning} The source's rejects.warning says how many are few; by default 5 %.",
            f"{counts}, reject_share_warning from {{batch}}"
            " where rows_rejected > reject_share_warning * rows_seen"
            " and rows_broken <= reject_share_critical * rows_seen",
        ),
    )
