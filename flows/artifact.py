"""The page that a run leaves in Prefect: the scorecard, what landed, what the gates said."""

from __future__ import annotations

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
from flows.stages import Summary, drift_found


def as_markdown(settings: Settings, summary: Summary) -> str:
    """A run's outcome as Markdown, for Prefect's artifacts."""
    parts = [f"# afterhype run {summary.run_id}", *_landings(summary)]
    parts += [*_drift(settings, summary), *_gates(summary)]
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


def _drift(settings: Settings, summary: Summary) -> list[str]:
    found = drift_found(settings, summary)
    return ["## Drift", "\n".join(f"- {drift}" for drift in found)] if found else []


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
