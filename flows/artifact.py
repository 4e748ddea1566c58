"""What a run leaves in Prefect: the scorecard, what landed, the gates, restatements, links."""

from __future__ import annotations

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from flows.published import query
from flows.quality import GateReport, describe
from flows.scorecard import (
    DAYS,
    rank_in_words,
    read_scorecard,
    retention_in_words,
    users_in_words,
    verdict_in_words,
)
from flows.settings import Settings
from flows.stages import Summary

_ROWS_SHOWN = 200


def leave(settings: Settings, summary: Summary) -> None:
    """Leave the run's artifacts, under keys that stay the same: each has its history in the UI."""
    create_markdown_artifact(
        as_markdown(settings, summary),
        key="afterhype-run",
        description="The scorecard and what the gates said.",
    )
    if gates := gate_rows(summary):
        create_table_artifact(
            gates, key="afterhype-gates", description="The checks that failed, or how many passed."
        )
    if summary.publication and not summary.nothing_new:
        create_table_artifact(
            scorecard_rows(settings), key="afterhype-scorecard", description="One row per app."
        )
        create_table_artifact(
            restatement_rows(settings),
            key="afterhype-restatements",
            description="Numbers published before that this publication changed, and why.",
        )
        create_link_artifact(
            link=settings.site_url or (settings.published_dir / "site" / "index.html").as_uri(),
            link_text="The report of this publication",
            key="afterhype-site",
            description="The report, the dbt docs and the Data Docs.",
        )


def gate_rows(summary: Summary) -> list[dict[str, object]]:
    """One row per check that failed; of a gate without any, one that says how many passed."""
    rows: list[dict[str, object]] = []
    for report in (summary.raw_gate, summary.mart_gate):
        if report is None:
            continue
        failed = [*report.critical_failures, *report.warnings]
        rows += [
            {
                "gate": report.stage,
                "severity": check.severity,
                "subject": check.subject,
                "check": check.expectation,
                "message": check.message,
            }
            for check in failed[:_ROWS_SHOWN]
        ]
        if not failed:
            message = f"{len(report.results)} checks passed"
            rows.append({"gate": report.stage, "severity": "passed", "message": message})
    return rows


def scorecard_rows(settings: Settings) -> list[dict[str, object]]:
    """One row per tracked app, in words."""
    return [
        {
            "app": row["app_name"],
            "verdict": verdict_in_words(row),
            "users": users_in_words(row),
            **{f"D{day}": retention_in_words(row, day) for day in DAYS},
            "peak rank": rank_in_words(row, "peak"),
            "latest rank": rank_in_words(row, "latest"),
        }
        for row in read_scorecard(settings)
    ]


def restatement_rows(settings: Settings) -> list[dict[str, object]]:
    """One row per number that the last publication changed; an empty one says that none did."""
    columns, rows = query(
        settings,
        f"""
        select app_id, mart, measure, cell, cells, old_value, new_value, cause, explanation
        from restatements
        where publication_id = (select publication_id from publication)
        order by cells desc
        limit {_ROWS_SHOWN}
        """,
    )
    found: list[dict[str, object]] = [dict(zip(columns, row, strict=True)) for row in rows]
    return found or [{"explanation": "No number that had been published has changed."}]


def as_markdown(settings: Settings, summary: Summary) -> str:
    """A run's outcome as Markdown, for Prefect's artifacts."""
    parts = [f"# afterhype run {summary.run_id}", *_landings(summary)]
    parts += [*_drift(summary), *_other_mappings(summary), *_gates(summary)]
    if summary.publication:
        parts += [f"## Published: {summary.publication.publication_id}", _scorecard(settings)]
    if summary.deliveries:
        lines = "\n".join(f"- {delivery.message}" for delivery in summary.deliveries)
        parts += ["## Delivered", lines]
    return "\n\n".join(parts)


def _landings(summary: Summary) -> list[str]:
    if not summary.landings:
        return []
    header = ["| source | landed | known | failed | rows | duplicate | rejected |"]
    header.append("|---|---:|---:|---:|---:|---:|---:|")
    lines = [
        f"| {landing.source} | {len(landing.landed)} | {landing.known} | {len(landing.failed)} "
        f"| {landing.rows_landed:,} | {landing.rows_duplicate:,} | {landing.rows_rejected:,} |"
        for landing in summary.landings
    ]
    failures = "\n".join(f"- {message}" for message in summary.failures)
    return ["## Landed", "\n".join(header + lines), *([failures] if failures else [])]


def _drift(summary: Summary) -> list[str]:
    listed = "\n".join(f"- {drift}" for drift in summary.drift)
    return ["## Drift", listed] if listed else []


def _other_mappings(summary: Summary) -> list[str]:
    listed = "\n".join(f"- {other}" for other in summary.other_mappings)
    return ["## Landed with another mapping", listed] if listed else []


def _gates(summary: Summary) -> list[str]:
    return [
        f"## {title}\n\n{_gate(report)}"
        for title, report in (("Raw gate", summary.raw_gate), ("Mart gate", summary.mart_gate))
        if report
    ]


def _gate(report: GateReport) -> str:
    verdict = f"{len(report.results)} checks, {len(report.critical_failures)} critical failures, "
    verdict += f"{len(report.warnings)} warnings."
    return f"{verdict}\n\n```\n{describe(report)}\n```" if report.critical_failures else verdict


def _scorecard(settings: Settings) -> str:
    days = " | ".join(f"D{day}" for day in DAYS)
    header = (
        f"| app | verdict | users | {days} | peak rank | latest |\n"
        f"|---|---|---:|{'---:|' * len(DAYS)}---|---|"
    )
    rows = read_scorecard(settings)
    lines = [
        f"| {row['app_name']} | {verdict_in_words(row)} | {users_in_words(row)} | "
        + " | ".join(retention_in_words(row, day) for day in DAYS)
        + f" | {rank_in_words(row, 'peak')} | {rank_in_words(row, 'latest')} |"
        for row in rows
    ]
    reasons = [f"**{row['app_name']}**: {row['verdict_reason_1']}" for row in rows]
    return "\n\n".join(["\n".join([header, *lines]), *reasons])
