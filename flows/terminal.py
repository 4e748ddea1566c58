"""What the command line prints: tables and sentences on stdout, errors on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from flows.answers import Form, written
from flows.scorecard import (
    DAYS,
    ScorecardRow,
    confidence_in_words,
    rank_in_words,
    read_scorecard,
    retention_in_words,
    users_in_words,
    verdict_in_words,
)
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.compaction import Compaction
    from flows.demo.truth import DemoTruth
    from flows.deployment_runs import DeploymentRuns
    from flows.doctor.finding import Finding
    from flows.inspect.trial import Inspection
    from flows.land.drift import Drift
    from flows.land.ledger import LedgerRow
    from flows.land.relanding import Relanding
    from flows.outlook.verdict import Verdict
    from flows.stages import RejectedRows, Summary
    from flows.status import GateRun, SourceStatus, Status
    from flows.targets.deliveries import TargetState
    from flows.timings import RunStep
    from flows.verify import Verification

NARROWEST = 104
"""Columns that a table gets where there is no terminal to ask, such as in a log."""

NARROWEST_COLUMN = 7
"""Characters that a column needs at least, with its margin, to be readable."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Say no more where nobody reads on (``| head``); the command ends as it would have."""
        self.quiet = True
        _let_the_reader_go()


def _let_the_reader_go() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_out = _Console(highlight=False, soft_wrap=True)
if not _out.is_terminal:
    _out.width = max(_out.width, NARROWEST)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """One message on stdout."""
    _out.print(Text(message))


def error(message: str) -> None:
    """One message on stderr."""
    _err.print(Text("afterhype: ", style="bold red") + Text(message))


def shorten(path: Path) -> str:
    """A path relative to the working directory where that is shorter."""
    relative = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return str(relative)


def show_summary(settings: Settings, summary: Summary) -> None:
    """What a run landed, what was held back, and the scorecard that stands at its end."""
    for landing in summary.landings:
        say(
            f"{landing.source}: {_count(len(landing.landed), 'new extract')}, {landing.known} known"
            + (
                f" · {landing.rows_landed:,} rows landed, {landing.rows_duplicate:,} duplicate, "
                f"{landing.rows_rejected:,} rejected"
                + (
                    f" · {_count(landing.unchanged, 'chart')} unchanged"
                    if landing.unchanged
                    else ""
                )
                if landing.landed
                else ""
            )
        )
        if landing.undated:
            say(
                f"{landing.source}: {_count(landing.undated, 'file')} left out: neither name nor "
                "folder tells a day (2026-01-05, 20260105, 2026/01/05). `afterhype run` lands them."
            )
    show_rejects(summary.rejects)
    for drift in summary.drift:
        say(f"Drift in {drift}")
    for message in summary.failures:
        error(message)
    for other in summary.other_mappings:
        say(f"Another mapping: {other}")
    show_gates(summary)
    if summary.nothing_new and summary.publication:
        say(f"Nothing new since publication {summary.publication.publication_id}; it stands.")
    elif summary.publication:
        say(f"Published {summary.publication.publication_id} to {shorten(settings.marts_path)}")
    show_deliveries(summary)
    if summary.publication:
        show_scorecard(settings)
        say(f"Site: {shorten(settings.published_dir / 'site' / 'index.html')}  (afterhype serve)")


def show_deliveries(summary: Summary) -> None:
    """Which targets took the publication, and why the others did not."""
    for delivery in summary.deliveries:
        (error if delivery.error else say)(delivery.message)


def show_inspection(inspection: Inspection) -> None:
    """What an export is, the entry proposed for it, some canonical rows, and what is rejected."""
    proposal, landing = inspection.proposal, inspection.landing
    say(f"{inspection.uri}: {proposal.title}")
    say(f"format: {proposal.format}, a source of {proposal.section}")
    if inspection.files > 1:
        say(f"{inspection.files:,} files match; this is about the first of them.")
    say("\nA sources file for it:\n")
    say(inspection.entry)
    for note in proposal.notes:
        say(f"- {note}")
    seen = landing.rows_landed + landing.rows_duplicate + landing.rows_rejected
    what = "its rows" if inspection.is_whole else "the rows of its beginning"
    say(f"\nOf {what}, {landing.rows_landed:,} of {seen:,} land, such as:\n")
    show_rows(list(inspection.columns), list(inspection.rows))
    if inspection.rejects:
        table = Table("Rejected because", _right("Rows"), _right("First line"), box=SIMPLE_HEAD)
        for reason, count, line in inspection.rejects:
            table.add_row(reason, f"{count:,}", f"{line:,}")
        _show(table)
    if inspection.duplicates:
        say(inspection.duplicates)
    if proposal.weighed:
        say("\nWeighed as well:")
    for other in proposal.weighed:
        say(f"- {other}")


def show_verification(verification: Verification) -> None:
    """How many cells agree with a rebuild: all of them, or the run would have failed."""
    say(f"{verification.cells:,} cells compared: every one is what a rebuild gives.")


def show_times(steps: Sequence[RunStep], *, as_json: bool) -> None:
    """Where the time of runs went: their steps, wall and CPU seconds, and the sums."""
    if as_json:
        say(json.dumps([asdict(step) for step in steps], default=str, indent=1))
        return
    if not steps:
        say("No run has recorded its steps here yet: `afterhype run`.")
    for run_id, of_run in groupby(steps, key=lambda step: step.run_id):
        listed = list(of_run)
        rows = [(one.step, f"{one.seconds:.2f}", f"{one.cpu_seconds:.2f}") for one in listed]
        sums = [sum(one.seconds for one in listed), sum(one.cpu_seconds for one in listed)]
        say(f"{run_id}, {listed[0].started_at:%Y-%m-%d %H:%M} UTC")
        show_rows(
            ["step", "seconds", "CPU seconds"],
            [*rows, ("all steps", *(f"{number:.2f}" for number in sums))],
        )


def show_compaction(compaction: Compaction) -> None:
    """What a compaction pruned, and the file's size before and after."""
    before, after = (n / 1e6 for n in (compaction.bytes_before, compaction.bytes_after))
    say(f"Pruned {compaction.rows_pruned:,} raw events.")
    if compaction.files_fewer:
        say(f"Merged the lake's small files: {compaction.files_fewer:,} fewer.")
    say(f"The warehouse had {before:,.1f} MB and has {after:,.1f} MB now.")


def show_rejects(rejects: Sequence[RejectedRows]) -> None:
    """What a run rejected, by source and reason."""
    if rejects:
        table = Table("Rejected from", "Reason", _right("Rows"), "Such as", box=SIMPLE_HEAD)
        for one in rejects:
            table.add_row(one.source, one.reason, f"{one.rows:,}", one.first_place)
        _show(table)


def show_gates(summary: Summary) -> None:
    """What the gates of a run said."""
    from flows.quality import describe

    for name, report in (("Raw gate", summary.raw_gate), ("Mart gate", summary.mart_gate)):
        if report is None:
            continue
        failed, warned = len(report.critical_failures), len(report.warnings)
        say(f"{name}: {len(report.results)} checks, {failed} critical failures, {warned} warnings")
        if failed or warned:
            say(describe(report))


def show_scorecard(settings: Settings) -> None:
    """The published scorecard."""
    table = Table("App", _right("Users"), box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for day in DAYS:
        table.add_column(f"D{day}", justify="right", no_wrap=True)
    table.add_column("Rank", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for row in read_scorecard(settings):
        table.add_row(
            row["app_name"],
            users_in_words(row),
            *(_in_two_lines(retention_in_words(row, day)) for day in DAYS),
            _ranks_in_two_lines(row),
            _in_two_lines(verdict_in_words(row)),
        )
    _show(table)


def show_replay(verdicts: Sequence[tuple[int, Verdict]]) -> None:
    """An app's verdict by its age, and why where it changes; of a single day all of it."""
    table = Table("Day", _right("Age"), "Verdict", _right("Confidence"), box=SIMPLE_HEAD)
    table.add_column("Why")
    for number, (age, verdict) in enumerate(verdicts):
        goes_on = number > 0 and verdicts[number - 1][1].word == verdict.word
        table.add_row(
            str(verdict.as_of),
            str(age),
            verdict.word.replace("_", " "),
            confidence_in_words(verdict.confidence),
            "" if goes_on and number + 1 < len(verdicts) else verdict.reasons[0],
        )
    _show(table)
    if len(verdicts) == 1:
        verdict = verdicts[0][1]
        for reason in verdict.reasons[1:]:
            say(f"Also: {reason}")
        say(f"What would change it: {verdict.would_change}")
        say(f"More can be told {verdict.next_step}.")


def show_answer(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], form: Form | None = None
) -> None:
    """A query's answer in a form for other programs: plain by default, tables on a terminal."""
    if form is None and sys.stdout.isatty():
        show_rows(columns, rows)
        return
    try:
        sys.stdout.writelines(written(columns, rows, form or "plain"))
        sys.stdout.flush()
    except BrokenPipeError:
        _let_the_reader_go()


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows as a table, or a table per row where that has too many columns."""
    shown = [["" if value is None else str(value) for value in row] for row in rows]
    if len(columns) * NARROWEST_COLUMN > _out.width:
        for number, row in enumerate(shown, 1):
            table = Table(f"row {number}", "", box=SIMPLE_HEAD)
            for column, value in zip(columns, row, strict=True):
                table.add_row(column, value)
            _show(table)
    else:
        table = Table(*columns, box=SIMPLE_HEAD)
        for row in shown:
            table.add_row(*row)
        _show(table)
    say(_count(len(rows), "row"))


_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("problem", "red")}


def show_findings(findings: Iterable[Finding], *, as_json: bool) -> list[Finding]:
    """What the doctor finds, each as it is found, or all as JSON; returns all of them."""
    if as_json:
        found = list(findings)
        has_problem = any(finding.level == "problem" for finding in found)
        document = {"ok": not has_problem, "findings": [asdict(finding) for finding in found]}
        say(json.dumps(document, indent=2))
        return found
    found = []
    for finding in findings:
        word, colour = _MARKS[finding.level]
        _out.print(
            Text(f"{word:8}", style=colour) + Text(f"{finding.check}: ") + Text(finding.found)
        )
        if finding.mend:
            _out.print(Text(f"{'':8}→ {finding.mend}"))
        found.append(finding)
    counts = Counter(finding.level for finding in found)
    say(f"{counts['problem']} problems, {counts['warning']} warnings, {counts['ok']} ok.")
    return found


def show_extracts(rows: Sequence[LedgerRow], drifts: Sequence[Drift]) -> None:
    """The ledger, with what to do about what is held back, and how columns changed."""
    if not rows:
        say("No such extracts. `afterhype run` lands what the sources file names.")
        return
    table = Table(Column("Extract", no_wrap=True), "Source", "Status", "Landed (UTC)")
    table.box = SIMPLE_HEAD
    for name in ("Rows", "Duplicate", "Rejected"):
        table.add_column(name, justify="right")
    table.add_column("File", overflow="fold")
    for row in rows:
        table.add_row(
            row.extract_id,
            row.source,
            row.status,
            f"{row.landed_at:%Y-%m-%d %H:%M}",
            f"{row.rows_landed:,}",
            f"{row.rows_duplicate:,}",
            f"{row.rows_rejected:,}",
            Path(row.uri).name,
        )
    _show(table)
    for row in rows:
        if row.error:
            say(f"{row.extract_id} {row.status}: {row.error}")
    for drift in drifts:
        say(f"{drift.extract_id} drift in {drift}")
    if any(row.status == "quarantined" for row in rows):
        say("Decide: `afterhype extracts release ID`, `discard ID`, or mend it and `reland ID`.")


def show_relandings(relandings: Sequence[Relanding]) -> None:
    """What landed again, and which extracts are left as they had landed, with the reason."""
    for relanding in relandings:
        if relanding.landed:
            outcomes = list(relanding.landed.values())
            say(
                f"{relanding.source}: {_count(len(outcomes), 'extract')} landed again · "
                f"{sum(one.rows_landed for one in outcomes):,} rows landed, "
                f"{sum(one.rows_duplicate for one in outcomes):,} duplicate, "
                f"{sum(one.rows_rejected for one in outcomes):,} rejected"
            )
        for message in relanding.left:
            error(message)
    if any(relanding.landed for relanding in relandings):
        say("`afterhype run` judges them, builds and publishes what follows.")
    elif not any(relanding.left for relanding in relandings):
        say("Nothing to land again: the extracts landed with the mapping that is there now.")


def show_deployments(deployments: Sequence[DeploymentRuns]) -> None:
    """When each deployment ran last and runs next, in UTC."""
    table = Table("Deployment", "Last run", "Ended (UTC)", "Next (UTC)", box=SIMPLE_HEAD)
    for one in deployments:
        table.add_row(
            one.deployment,
            (one.running and f"{one.running}: at work") or one.last_state or "–",
            f"{one.last_ended_at:%Y-%m-%d %H:%M}" if one.last_ended_at else "–",
            "paused"
            if one.paused
            else f"{one.next_run_at:%Y-%m-%d %H:%M}"
            if one.next_run_at
            else ("soon" if one.is_scheduled else "by hand"),
        )
    _show(table)


def show_status(status: Status) -> None:
    """A home on one screen: published, landed, held back, judged, scheduled, on disk, next."""
    say(f"{shorten(status.home)} at {status.checked_at:%Y-%m-%d %H:%M} UTC")
    if status.publication:
        say(
            f"Publication {status.publication.publication_id}, "
            f"{_age(status.publication.age_hours)} old, in {shorten(status.publication.marts)} "
            f"({len(status.publication.kept)} kept for rollback)"
        )
    if status.writer:
        say(f"Now writing: {status.writer}")
    if status.unread:
        say(f"Not read: {status.unread}")
    if status.sources:
        _show_sources(status.sources)
    for held in status.quarantine:
        say(
            f"Quarantined: {held.extract_id} of {held.source}, {Path(held.uri).name}: {held.reason}"
        )
    if status.gates:
        _show_gate_runs(status.gates)
    for target in status.targets:
        say(_target_in_words(target))
    if status.deployments:
        show_deployments(status.deployments)
    elif status.schedule_unknown:
        say(f"Runs: {status.schedule_unknown}.")
    if status.lake:
        say(
            f"Events: {status.lake.files:,} files of {status.lake.bytes / 1e6:,.1f} MB in "
            f"{status.lake.path}"
        )
    parts = ", ".join(f"{use.part} {use.bytes / 1e6:,.1f} MB" for use in status.disk)
    say(f"Disk: {parts or 'nothing yet'}; {status.disk_free_bytes / 1e9:,.1f} GB free")
    for step in status.next_steps or ["nothing: all is as it should be."]:
        say(f"Next: {step}")


def _show_sources(sources: Sequence[SourceStatus]) -> None:
    table = Table(Column("Source", no_wrap=True), "Kind", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("Last event", "Landed (UTC)", "Age", "Landed", "Held back", "Failed", "Rejected"):
        table.add_column(name, justify="right")
    for source in sources:
        table.add_row(
            source.source,
            source.kind,
            f"{source.last_event_time:%Y-%m-%d %H:%M}" if source.last_event_time else "–",
            f"{source.last_landed_at:%Y-%m-%d %H:%M}" if source.last_landed_at else "never",
            _age_in_words(source),
            f"{source.landed:,}",
            f"{source.quarantined:,}",
            f"{source.failed:,}",
            f"{source.rows_rejected:,}",
        )
    _show(table)


def _age_in_words(source: SourceStatus) -> str:
    age = "–" if source.hours_since_landed is None else _age(source.hours_since_landed)
    states = {"retired": source.is_retired, "ended": source.ended, "stale": source.is_stale}
    state = next((word for word, holds in states.items() if holds), None)
    return f"{age}, {state}" if state else age


def _show_gate_runs(gates: Sequence[GateRun]) -> None:
    table = Table("Judged (UTC)", "Gate", _right("Checks"), _right("Warnings"), box=SIMPLE_HEAD)
    table.add_column("Critical", justify="right")
    table.add_column("Run")
    for gate in gates:
        table.add_row(
            f"{gate.checked_at:%Y-%m-%d %H:%M}",
            gate.stage,
            f"{gate.checks:,}",
            f"{gate.warnings:,}",
            f"{gate.critical_failures:,}",
            gate.run_id,
        )
    _show(table)


def _target_in_words(target: TargetState) -> str:
    holds = (
        f"holds {target.publication_id} since {target.delivered_at:%Y-%m-%d %H:%M} UTC"
        if target.publication_id
        else "holds nothing yet"
    )
    failed = f"; last try {target.failed_at:%Y-%m-%d %H:%M} UTC: {target.error}"
    return f"Target {target.address} {holds}{failed if target.error else ''}"


def show_demo(settings: Settings, summary: Summary, truth: DemoTruth) -> None:
    """The demo's outcome beside the generator's truth, and where to look next."""
    show_summary(settings, summary)
    table = Table("Simulated app", "Day", _right("Measured"), _right("Truth"), box=SIMPLE_HEAD)
    table.add_column("Truth within the 95 % interval")
    for row in read_scorecard(settings):
        for day, expected in sorted(truth.retention[row["app_id"]].items()):
            inside = row[f"d{day}_ci_low"] <= expected <= row[f"d{day}_ci_high"]
            table.add_row(
                row["app_name"],
                f"D{day}",
                retention_in_words(row, day),
                f"{100 * expected:.2f} %",
                "yes" if inside else "NO",
            )
    _show(table)
    say(
        f"The extracts held {truth.rows:,} event rows: {truth.duplicates:,} duplicates and "
        f"{truth.rejects:,} bad rows were written on purpose."
    )
    _next_steps(settings)


def _show(table: Table) -> None:
    _out.print(table, soft_wrap=False)  # cells wrap, they are not cut


def _in_two_lines(words: str) -> str:
    """The number, and below it what is in brackets."""
    return words.replace(" (", "\n(", 1)


def _ranks_in_two_lines(row: ScorecardRow) -> str:
    """The peak and the latest rank, and below them where and when the peak was."""
    peak, _, where = rank_in_words(row, "peak").partition(" (")
    return f"{peak}, now {rank_in_words(row, 'latest')}\n({where}" if where else peak


def _next_steps(settings: Settings) -> None:
    home = "" if settings.home == Path.cwd() / ".afterhype" else f" --home {settings.home}"
    command = ".venv/bin/afterhype"
    say("Look next:")
    say(f"  {command} serve{home}                 the report, the dbt docs, the Data Docs")
    say(f'  {command} query{home} "select * from app_scorecard"')
    say(f"  {command} extracts{home}              what landed, what was rejected and why")
    say("  profiles/sources.yml                       put your own extracts in a copy of this file")


def _age(hours: float) -> str:
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"


def _right(header: str) -> Column:
    return Column(header, justify="right")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
