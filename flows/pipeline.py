"""What runs every hour, every day and over a range of days, as sentences of steps.

Written once, for both ways to run: by hand the steps are carried out here (flows.steps), and where
there is a Prefect server each sentence is a flow and each step a task of it (flows.flow_runs).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from flows import preloading, stages
from flows.builds import Build
from flows.compaction import Compaction
from flows.errors import ConfigurationError, GateStopped, MartsDiffer, TargetUnreachable
from flows.extract.apple_charts import Fetch, NetworkDown, fetch_charts, raise_if_network_is_down
from flows.land.relanding import Relanding
from flows.land.source import SourceLanding
from flows.progress import notice, progress, report_where_no_bar_shows
from flows.publish import Publication, current_publication
from flows.quality import GateReport, describe
from flows.sources import AnyFiles, AnySource, ChartFeed, Target
from flows.stages import BuildPlan, LayerBuild, Run, Summary
from flows.steps import Retry, Runner, step
from flows.targets import deliveries
from flows.targets.deliveries import Delivery
from flows.verify import Verification


def daily(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Summary:
    """The whole path: land what is new, judge it, build the marts, judge, publish."""
    with _a_run(home, sources, runner) as (run, by):
        run = stages.to_be_built(run)
        summary = _land_and_judge(run, by)
        _report_stale_sources(run, by)
        summary = _build_and_publish(run, by, summary)
        _report_slow_sources(run, by)
        return summary


def hourly_ranks(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Summary:
    """Land charts only; the next daily run builds on them."""
    with _a_run(home, sources, runner) as (run, by):
        return _land_and_judge(stages.only_charts(run), by)


def backfill(
    start: date,
    end: date,
    source: str | None = None,
    home: Path | None = None,
    sources: Path | None = None,
    runner: Runner | None = None,
) -> Summary:
    """Land extracts of the days ``start`` to ``end``, a month at a time, then build and publish.

    Broken off, it goes on where it was: what has landed is known. Between two months other runs of
    the same home get their turn. Of live feeds the archive is landed.
    """
    landed: list[Summary] = []
    for number, (first, last) in enumerate(parts := stages.slices(start, end), 1):
        with _a_run(home, sources, runner) as (run, by):
            is_last = number == len(parts)
            run = stages.between(stages.to_be_built(run) if is_last else run, first, last, source)
            _report_progress(by, f"backfill: {first} to {last}, part {number} of {len(parts)}")
            landed.append(_land_and_judge(run, by))
            if is_last:
                return _build_and_publish(
                    run, by, stages.with_findings(run, stages.together(landed))
                )
    raise ConfigurationError(f"backfill: the end {end} lies before the start {start}")


def land(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Summary:
    """The first half of the daily path: land what is new and judge it."""
    with _a_run(home, sources, runner) as (run, by):
        return _land_and_judge(run, by)


def build(
    home: Path | None = None,
    sources: Path | None = None,
    full: bool = False,
    runner: Runner | None = None,
) -> Summary:
    """Build the marts from what has landed; ``full`` makes everything anew. Publishes nothing."""
    with _a_run(home, sources, runner) as (run, by):
        _prepare(run, by)
        _build(run, by, full=full)
        return Summary(run_id=run.run_id)


def check(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Summary:
    """Judge the marts as they are, no more. Raises GateStopped as the daily path does."""
    with _a_run(home, sources, runner) as (run, by):
        return _judge(run, by, Summary(run_id=run.run_id))


def publish(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Summary:
    """The last half of the daily path: judge the marts as they are, then publish them."""
    with _a_run(home, sources, runner) as (run, by):
        return _judge_and_publish(run, by, Summary(run_id=run.run_id))


def deliver(
    home: Path | None = None,
    sources: Path | None = None,
    again: bool = False,
    runner: Runner | None = None,
) -> Summary:
    """The end of the daily path: deliver what is published to the targets that lack it.

    With ``again`` also to those that have it.
    """
    with _a_run(home, sources, runner) as (run, by):
        summary = _deliver(run, by, Summary(run_id=run.run_id), again=again)
        if summary.deliveries:
            by.leave_summary(run.settings, summary)
        return summary


def reland(
    source: str | None = None,
    home: Path | None = None,
    sources: Path | None = None,
    runner: Runner | None = None,
) -> tuple[Relanding, ...]:
    """Land the extracts again that landed with another mapping than their source has now.

    Of one source also those of which it is not known, since they landed before it was noted. Broken
    off, it goes on where it was. Nothing is judged, built or published. Raises ConfigurationError.
    """
    with _a_run(home, sources, runner) as (run, by):
        chosen = stages.sources_of_files(run, source)
        _prepare(run, by)
        return tuple(
            _logged_again(by, by.do(land_again, run, one, unknown=source is not None))
            for one in chosen
        )


def verify(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Verification:
    """Compare the marts with a rebuild. Raises MartsDiffer naming the first cells that differ."""
    with _a_run(home, sources, runner) as (run, by):
        verification = by.do(rebuild_and_compare, run)
        if verification.differing_rows:
            by.marts_differ(run.settings, verification)
            raise MartsDiffer("\n".join(_difference_in_words(verification)))
        by.log(logging.INFO, f"{verification.cells} cells are what a rebuild gives")
        return verification


def _difference_in_words(verification: Verification) -> Iterator[str]:
    yield (
        f"{verification.differing_rows} rows of the marts differ from a rebuild: somebody has "
        "written to them, or this is a bug (please report it):"
    )
    yield from (f"  {difference}" for difference in verification.differences)
    yield "`afterhype build --full` makes them anew, `afterhype publish` publishes them."


def compact(
    home: Path | None = None, sources: Path | None = None, runner: Runner | None = None
) -> Compaction:
    """Prune old raw events and rewrite the warehouse file: gives freed disk back.

    No mart changes, and readers of the published file notice nothing.
    """
    with _a_run(home, sources, runner) as (run, by):
        _prepare(run, by)
        return by.do(compact_warehouse, run)


@step("land {source.name}")
def land_source(run: Run, source: AnyFiles) -> SourceLanding:
    """Land the new files of one source."""
    with progress(f"landing {source.name}") as advance:
        return stages.land_source(run, source, advance)


@step("land {source.name} again")
def land_again(run: Run, source: AnyFiles, *, unknown: bool) -> Relanding:
    """Land those extracts of a source again that had landed with another mapping."""
    with progress(f"landing {source.name} again") as advance:

        def advance_and_say(done: int, total: int) -> None:
            advance(done, total)
            if total:
                report_where_no_bar_shows(f"{source.name}: {done:,} of {total:,} landed again")

        return stages.reland(run, source, advance_and_say, unknown=unknown)


@step("fetch {feed.name}", retry=Retry(on=NetworkDown, after_seconds=(30, 120)))
def fetch_feed(run: Run, feed: ChartFeed) -> list[Fetch]:
    """Fetch every chart of a live feed; each payload is archived before it is read.

    Raises NetworkDown, which holds the fetches, where not one request was answered.
    """
    with progress(f"fetching {feed.name}") as advance:
        fetches = fetch_charts(feed, run.settings, run.now, advance)
    raise_if_network_is_down(fetches)
    return fetches


@step("land {feed.name}")
def land_feed(run: Run, feed: ChartFeed, fetches: list[Fetch]) -> SourceLanding:
    """Land what a live feed gave."""
    return stages.land_feed(run, feed, fetches)


@step("judge new extracts")
def judge_extracts(run: Run) -> GateReport | None:
    """The raw gate: quarantine every new extract that fails a critical check."""
    with progress("judging new extracts"):
        return stages.judge_extracts(run)


@step("build the counts")
def build_counts(plan: BuildPlan) -> LayerBuild:
    """Run dbt on all that is counted."""
    with progress("counting"):
        return stages.build_counts(plan)


@step("fit the outlook")
def fit_outlook(plan: BuildPlan) -> LayerBuild:
    """Fit forecasts, verdicts and rank decay to the counts."""
    with progress("fitting forecasts"):
        return stages.fit_outlook(plan)


@step("build the marts")
def build_mart_layer(plan: BuildPlan) -> LayerBuild:
    """Run dbt on what is published."""
    with progress("building the marts"):
        return stages.build_mart_layer(plan)


@step("judge marts")
def judge_marts(run: Run) -> GateReport:
    """The mart gate. It only judges; the run stops."""
    with progress("judging the marts"):
        return stages.judge_marts(run)


@step("publish marts")
def publish_marts(run: Run) -> Publication:
    """Swap the new publication in: the marts, their Parquet and the site."""
    with progress("publishing"):
        return stages.publish(run)


@step("deliver to {target.address}", retry=Retry(on=TargetUnreachable, after_seconds=(10, 30, 60)))
def deliver_to(run: Run, target: Target) -> Publication:
    """Deliver what is published to one target; tried again while it cannot be reached."""
    return deliveries.deliver(run.settings, target)


@step("rebuild and compare")
def rebuild_and_compare(run: Run) -> Verification:
    """Rebuild every mart in another file and compare it cell for cell."""
    with progress("rebuilding every mart in another file"):
        return stages.verify(run)


@step("compact")
def compact_warehouse(run: Run) -> Compaction:
    """Prune and rewrite."""
    with progress("compacting the warehouse"):
        return stages.compact(run)


@contextmanager
def _a_run(
    home: Path | None, sources: Path | None, runner: Runner | None
) -> Iterator[tuple[Run, Runner]]:
    """Begin a run and be the only one that writes its home until it ends, or its time is up."""
    run, by = stages.begin(home, sources), runner or Runner()
    with by.turn(run.settings):
        try:
            yield run, by
        finally:
            if problem := stages.data_docs_problem(run):
                by.report(problem)
            stages.record_times(run, by.times)
            by.times.clear()


def _report_progress(by: Runner, message: str) -> None:
    by.log(logging.INFO, message)
    notice(message)


def _prepare(run: Run, by: Runner) -> None:
    if moved := stages.prepare(run):
        _report_progress(by, moved)


def _land_and_judge(run: Run, by: Runner) -> Summary:
    _prepare(run, by)
    landings = tuple(_logged(by, _land(run, by, source)) for source in run.selected)
    report = by.do(judge_extracts, run)
    if report and report.critical_failures:
        by.log(logging.ERROR, describe(report))
        by.gate_stopped(run.settings, report)
    summary = Summary(run_id=run.run_id, landings=landings, raw_gate=report)
    summary = stages.with_findings(run, summary)
    for other in summary.other_mappings:
        by.log(logging.WARNING, str(other))
    by.leave_summary(run.settings, summary)
    return summary


def _land(run: Run, by: Runner, source: AnySource) -> SourceLanding:
    if not isinstance(source, ChartFeed):
        return by.do(land_source, run, source)
    if run.days:
        return by.do(land_feed, run, source, stages.archived_fetches(run, source))
    try:
        fetches = by.do(fetch_feed, run, source)
    except NetworkDown as down:  # after the last try, what failed lands as "not fetched"
        fetches = down.fetches
    return by.do(land_feed, run, source, fetches)


def _logged(by: Runner, landing: SourceLanding) -> SourceLanding:
    by.log(
        logging.INFO,
        f"{landing.source}: {len(landing.landed)} landed, {landing.known} known",
    )
    for message in landing.failed:
        by.log(logging.ERROR, message)
    return landing


def _logged_again(by: Runner, relanding: Relanding) -> Relanding:
    if relanding.landed:
        by.log(logging.INFO, f"{relanding.source}: {len(relanding.landed)} landed again")
    for message in relanding.left:
        by.log(logging.ERROR, message)
    return relanding


def _build_and_publish(run: Run, by: Runner, summary: Summary) -> Summary:
    if unchanged := stages.unchanged_publication(run):
        by.published(run.settings, unchanged, is_new=False)
        summary = _deliver(run, by, replace(summary, publication=unchanged, nothing_new=True))
        if summary.deliveries:
            by.leave_summary(run.settings, summary)
        return summary
    _build(run, by)
    return _judge_and_publish(run, by, summary)


def _build(run: Run, by: Runner, *, full: bool = False) -> Build:
    """Build layer by layer; while dbt works in its process, this one loads what comes next."""
    plan = stages.begin_build(run, full=full)
    preloading.load("flows.outlook.fitting", "expectations.engine", "flows.report.site")
    stages.draw_ahead(run)
    for layer in (build_counts, fit_outlook, build_mart_layer):
        by.log(logging.INFO, str(by.do(layer, plan)))
    built = stages.finish_build(plan)
    by.log(logging.INFO, f"built {'by arrival' if built.by_arrival else 'anew'}: {built.reason}")
    return built


def _judge_and_publish(run: Run, by: Runner, summary: Summary) -> Summary:
    stages.begin_publication(run)
    summary = _judge(run, by, summary)
    publication = by.do(publish_marts, run)
    by.published(run.settings, publication, is_new=True)
    summary = _deliver(run, by, replace(summary, publication=publication))
    by.leave_summary(run.settings, summary)
    return summary


def _deliver(run: Run, by: Runner, summary: Summary, *, again: bool = False) -> Summary:
    """Deliver to every target that is due, at once: one that fails holds up no other."""
    targets = deliveries.due(run.settings, run.sources, again=again)
    published = current_publication(run.settings)
    if not targets or published is None:
        return summary
    with progress("delivering"):
        outcomes = by.do_all(deliver_to, [(run, target) for target in targets])
    done = []
    for target, outcome in zip(targets, outcomes, strict=True):
        error = str(outcome).rstrip(".") if isinstance(outcome, Exception) else None
        delivery = Delivery(
            address=target.address, publication_id=published.publication_id, error=error
        )
        by.log(logging.ERROR if error else logging.INFO, delivery.message)
        if error:
            by.delivery_failed(run.settings, delivery)
        done.append(delivery)
    deliveries.record(run.settings, done)
    return replace(summary, deliveries=tuple(done))


def _judge(run: Run, by: Runner, summary: Summary) -> Summary:
    report = by.do(judge_marts, run)
    summary = replace(summary, mart_gate=report)
    if report.critical_failures:
        by.leave_summary(run.settings, summary)
        raise GateStopped(describe(report))
    return summary


def _report_stale_sources(run: Run, by: Runner) -> None:
    for stale in stages.stale(run):
        by.source_is_stale(run.settings, stale)


def _report_slow_sources(run: Run, by: Runner) -> None:
    for slow in stages.slow(run):
        by.source_is_slow(run.settings, slow)
