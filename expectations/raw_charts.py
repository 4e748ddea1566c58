"""What must hold of a chart extract before anything downstream may see it."""

from __future__ import annotations

from expectations.checks import Check, Suite, critical, warning
from expectations.reject_shares import ROWS_AND_SHARES, reject_shares

_PROFILE = f"""
create or replace temp table chart_snapshot_profile as
with

ledger as (
    select * from raw.extracts semi join new_extracts using (extract_id)
    where kind = 'ranks' and status = 'landed'
),

snapshots as (
    select * from raw.chart_snapshots semi join ledger using (extract_id)
),

entries as (
    select
        snapshot_id,
        count(*) as entries,
        count(distinct rank) as ranks,
        count(distinct store_app_id) as apps,
        min(rank) as first_rank,
        max(rank) as last_rank,
    from raw.chart_ranks semi join snapshots using (snapshot_id)
    group by snapshot_id
),

final as (
    select
        ledger.extract_id,
        {ROWS_AND_SHARES},
        concat_ws(' ', snapshots.store, snapshots.storefront, snapshots.chart, snapshots.genre,
            snapshots.snapshot_at) as snapshot,
        snapshots.status,
        snapshots.error,
        snapshots.requested_limit,
        snapshots.depth,
        coalesce(entries.entries, 0) as entries,
        coalesce(entries.ranks, 0) as ranks,
        coalesce(entries.apps, 0) as apps,
        entries.first_rank,
        entries.last_rank,
    from ledger
    left join raw.reject_shares as shares using (source)
    left join snapshots using (extract_id)
    left join entries using (snapshot_id)
)

select * from final
"""


def raw_charts() -> Suite:
    """One row of the batch is one snapshot of a new chart extract, with its entries counted."""
    return Suite(
        name="raw_charts",
        stage="raw",
        subject="new chart extracts",
        batch="select * from chart_snapshot_profile",
        checks=(
            *_volume(),
            _snapshots(
                "critical",
                "no rank occurs twice in a snapshot",
                "Two apps at one rank: two charts were mixed into one snapshot.",
                "entries <> ranks",
                "entries, ranks",
            ),
            _snapshots(
                "critical",
                "no app occurs twice in a snapshot",
                "An app has one rank in a chart; two snapshots were mixed into one.",
                "entries <> apps",
                "entries, apps",
            ),
            _snapshots(
                "critical",
                "ranks lie between 1 and the chart's depth",
                "A rank beyond the depth makes 'off chart' meaningless.",
                "first_rank < 1 or last_rank > depth",
                "first_rank, last_rank, depth",
            ),
            _snapshots(
                "critical",
                "an observed snapshot has a depth and entries",
                "An empty chart is a failed fetch; taken for real, every app would have fallen"
                " out of it.",
                "status = 'observed' and (depth < 1 or entries = 0)",
                "depth, entries",
            ),
            _snapshots(
                "warning",
                "an observed snapshot has an entry at every rank down to its depth",
                "Apps are missing: they will count as off the chart on that day.",
                "status = 'observed' and entries between 1 and depth - 1",
                "depth, entries",
            ),
            _snapshots(
                "warning",
                "a snapshot is at least half as deep as was asked for",
                "Apps at the lower ranks will count as off the chart on that day.",
                "status = 'observed' and depth >= 1 and depth < 0.5 * requested_limit",
                "requested_limit, depth",
            ),
            _snapshots(
                "warning",
                "every chart could be fetched",
                "The day counts as not fetched for that chart unless a later fetch succeeds.",
                "status = 'failed'",
                "max(error) as error",
            ),
        ),
        prepare=(_PROFILE,),
    )


def _volume() -> tuple[Check, ...]:
    return (
        *reject_shares("entry", "The rejected apps will count as off the chart on that day."),
        critical(
            "an extract holds at least one chart",
            "An empty extract is a broken capture.",
            "select distinct extract_id, rows_rejected as unexpected_count, rows_seen"
            " from {batch} where rows_seen = 0 or (snapshot = '' and rows_landed > 0)",
        ),
    )


def _snapshots(
    severity: str, expectation: str, meaning: str, condition: str, evidence: str
) -> Check:
    """Count the snapshots of each extract that meet ``condition``, and show one of them."""
    shown = ", ".join(
        column if " as " in column else f"arg_min({column}, snapshot) as {column}"
        for column in evidence.split(", ")
    )
    build = critical if severity == "critical" else warning
    return build(
        expectation,
        meaning,
        f"select extract_id, count(*) as unexpected_count, min(snapshot) as snapshot, {shown}"
        f" from {{batch}} where {condition} group by extract_id",
    )
