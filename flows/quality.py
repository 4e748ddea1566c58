"""Run the gates' suites inside DuckDB, keep what they found, and write the Data Docs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.checks import Check, Severity, Stage, Suite
from expectations.suites import mart_suites, raw_suites
from flows import preloading, warehouse
from flows.errors import AfterhypeError
from flows.lake.location import open_lake
from flows.settings import Settings

if TYPE_CHECKING:
    from expectations.engine import Outcome

RUNS_KEPT = 7
"""How many runs of each gate the Data Docs show; older ones stay in ops.gate_results."""

_ROWS_SAMPLED = 5
_RESULTS_DESCRIBED = 20
_EVERY_EXTRACT = "every new extract"
_DOCS = "data_docs"

_being_written: dict[Path, Future[object]] = {}
"""The Data Docs that this process writes in a thread, or has written, by their folder."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one check said of one subject: an extract id, a mart, or all new extracts.

    ``unexpected_count`` is None when the check could not be run; ``sample`` holds a few offending
    rows, as column to value, without anything that identifies a user.
    """

    subject: str
    suite: str
    expectation: str
    severity: Severity
    success: bool
    unexpected_count: int | None
    sample: tuple[dict[str, Any], ...]
    message: str


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """What one gate said; the pipeline decides what follows from it."""

    stage: Stage
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """No critical check failed; warnings do not count."""
        return not self.critical_failures

    @property
    def critical_failures(self) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if not r.success and r.severity == "critical")

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if not r.success and r.severity == "warning")

    @property
    def failed_subjects(self) -> tuple[str, ...]:
        """The extract ids (raw) or marts that failed a critical check, each once."""
        return tuple(dict.fromkeys(result.subject for result in self.critical_failures))


def raw_gate(settings: Settings, run_id: str, extract_ids: Sequence[str]) -> GateReport:
    """Judge each of ``extract_ids`` on its own, all of them in one pass over their rows.

    Reads the warehouse read-only, then writes ops.gate_results, and begins to write the Data Docs.
    When a check cannot be run, every extract fails it: what was not judged has not passed. Raises
    AfterhypeError when the warehouse cannot be opened.
    """
    if not extract_ids:
        return GateReport(stage="raw", results=())
    return _run_gate(settings, run_id, "raw", raw_suites(), tuple(extract_ids))


def mart_gate(settings: Settings, run_id: str) -> GateReport:
    """Judge the marts as dbt built them in the warehouse.

    Reads the warehouse read-only, then writes ops.gate_results, and begins to write the Data Docs.
    Raises AfterhypeError when the warehouse cannot be opened.
    """
    return _run_gate(settings, run_id, "mart", mart_suites(), ())


def data_docs_path(settings: Settings) -> Path:
    """The folder of the Data Docs (open index.html); absent before the first gate.

    Waits for the pages that are being written. Raises AfterhypeError when that has failed.
    """
    folder = settings.quality_dir / _DOCS
    if written := _being_written.get(folder):
        try:
            written.result()
        except Exception as error:
            raise AfterhypeError(
                f"{folder}: the Data Docs could not be written: {error}. What the gates found is "
                "in ops.gate_results; mend that, and the next gate writes them."
            ) from error
    return folder


def describe(report: GateReport) -> str:
    """The failed checks in words: which, how many rows, a few of them, and what to do next."""
    if report.passed and not report.warnings:
        return f"The {report.stage} gate passed: {len(report.results)} checks."
    failures = len(report.critical_failures)
    verdict = "passed" if report.passed else "failed"
    lines = [
        f"The {report.stage} gate {verdict}: {failures} critical, {len(report.warnings)} warnings."
    ]
    failed = (*report.critical_failures, *report.warnings)
    for result in failed[:_RESULTS_DESCRIBED]:
        lines.append(f"  {result.severity}: {result.subject}: {result.expectation}")
        lines.append(f"      {result.message}")
        lines += [f"      {_one_line(row)}" for row in result.sample[:3]]
    if more := failed[_RESULTS_DESCRIBED:]:
        lines.append(f"  and {len(more)} more, in ops.gate_results")
    return "\n".join([*lines, *_next_steps(report)])


def _next_steps(report: GateReport) -> list[str]:
    if report.passed:
        return []
    if report.stage == "raw":
        some = report.failed_subjects[0]
        return [
            "What to do next: `afterhype extracts` lists what is held back. Mend the export or the "
            "mapping and",
            f"`afterhype extracts reland {some}` to land it anew,",
            f"`afterhype extracts discard {some}` to drop it, or",
            f"`afterhype extracts release {some}` to let it through as it is.",
        ]
    return [
        "Nothing was published; the last publication stands as it was. What to do next: if an "
        "extract brought this,",
        "find it with `afterhype extracts` and `afterhype extracts reland ID` once it is mended, "
        "then `afterhype run`; otherwise mend the model.",
    ]


def _one_line(row: dict[str, Any]) -> str:
    return ", ".join(f"{column}={value}" for column, value in row.items())


def _run_gate(
    settings: Settings,
    run_id: str,
    stage: Stage,
    suites: tuple[Suite, ...],
    extract_ids: tuple[str, ...],
) -> GateReport:
    preloading.wait_for("expectations.engine")
    from expectations.engine import judge, write_data_docs  # bring all of Great Expectations

    results_dir, docs_dir = settings.quality_dir / "validations", settings.quality_dir / _DOCS
    if before := _being_written.get(docs_dir):
        before.exception()  # waits: the pages of the last gate must not be made of this one's
    with warehouse.connect(settings, read_only=True):
        pass  # a missing or locked warehouse is explained by the one place that knows how
    outcomes = judge(
        suites,
        warehouse=settings.warehouse_path,
        config=_duckdb_config(settings),
        open_lake=open_lake,
        extract_ids=extract_ids,
        run_name=run_id,
        results_dir=results_dir,
        docs_dir=docs_dir,
    )
    # no step waits for the pages, and the next ones leave a core to them
    _being_written[docs_dir] = preloading.make(
        partial(
            write_data_docs,
            suites,
            run_name=run_id,
            results_dir=results_dir,
            docs_dir=docs_dir,
            runs_kept=RUNS_KEPT,
        )
    )
    report = GateReport(
        stage=stage,
        results=tuple(
            result
            for suite in suites
            for check, outcome in zip(suite.checks, outcomes[suite.name], strict=True)
            for result in _results(suite, check, outcome, extract_ids)
        ),
    )
    _record(settings, run_id, report)
    return report


def _duckdb_config(settings: Settings) -> dict[str, str | int]:
    config: dict[str, str | int] = {"temp_directory": str(settings.home / "tmp")}
    if settings.memory_limit:
        config["memory_limit"] = settings.memory_limit
    if settings.threads:
        config["threads"] = settings.threads
    return config


def _results(
    suite: Suite, check: Check, outcome: Outcome, extract_ids: tuple[str, ...]
) -> Iterator[CheckResult]:
    """One result, or of a failed raw check one per extract that failed it."""
    whole = _EVERY_EXTRACT if suite.stage == "raw" else suite.subject
    if outcome.error:
        message = f"could not be checked: {outcome.error}"
        for subject in extract_ids or (whole,):
            yield _result(subject, suite, check, "critical", None, (), message)
    elif not outcome.count:
        yield _result(whole, suite, check, check.severity, 0, (), "", success=True)
    elif suite.stage == "raw":
        for row in outcome.rows:
            evidence = {k: v for k, v in row.items() if k not in ("extract_id", "unexpected_count")}
            count = int(row["unexpected_count"])
            message = f"{_rows(count)}. {check.meaning}"
            extract_id = str(row["extract_id"])
            yield _result(extract_id, suite, check, check.severity, count, (evidence,), message)
    else:
        message = f"{_rows(outcome.count)}. {check.meaning}"
        sample = outcome.rows[:_ROWS_SAMPLED]
        yield _result(whole, suite, check, check.severity, outcome.count, sample, message)


def _result(
    subject: str,
    suite: Suite,
    check: Check,
    severity: Severity,
    count: int | None,
    sample: tuple[dict[str, Any], ...],
    message: str,
    *,
    success: bool = False,
) -> CheckResult:
    return CheckResult(
        subject=subject,
        suite=suite.name,
        expectation=check.expectation,
        severity=severity,
        success=success,
        unexpected_count=count,
        sample=sample,
        message=message,
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _record(settings: Settings, run_id: str, report: GateReport) -> None:
    """Write ops.gate_results in one statement; a report of 10,000 extracts is one document."""
    results = [asdict(result) for result in report.results]
    with warehouse.connect(settings) as con:
        con.execute(
            """
            insert into ops.gate_results by name
            select
                $run_id as run_id, $stage as stage, $checked_at as checked_at,
                result->>'suite' as suite, result->>'subject' as subject,
                result->>'expectation' as expectation, result->>'severity' as severity,
                (result->'success')::boolean as success,
                (result->>'unexpected_count')::bigint as unexpected_count,
                result->'sample' as sample, nullif(result->>'message', '') as message
            from (select unnest(from_json($results, '["json"]')) as result)
            """,
            {
                "run_id": run_id,
                "stage": report.stage,
                "checked_at": datetime.now(UTC).replace(tzinfo=None),
                "results": json.dumps(results, default=str),
            },
        )
