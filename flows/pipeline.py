"""The flows: what runs every hour, every day and over a range of days, as sentences of stages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from prefect import Task, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import task_run

from flows import artifact, events, stages
from flows.builds import Build
from flows.compaction import Compaction
from flows.dbt_context import flow_run_context
from flows.errors import ConfigurationError, GateStopped, MartsDiffer, TargetUnreachable
from flows.exclusive import one_at_a_time
from flows.extract.apple_charts import (
    Fetch,
    NetworkDown,
    fetch_charts,
    raise_if_network_is_down,
)
from flows.land.source import SourceLanding
from flows.progress import notice, progress
from flows.publish import Publication, current_publication
from flows.quality import GateReport, describe
from flows.schedule import cancel_superseded
from flows.sources import AnyFiles, AnySource, ChartFeed, Target
from flows.stages import Run, Summary
from flows.targets import deliveries
from flows.targets.deliveries import Delivery
from flows.time_limit import time_limit
from flows.verify import Verification

NETWORK_RETRIES = 2
"""How often a feed is tried again when the network is down; nothing else is retried."""

DELIVERY_DELAYS: list[float] = [10, 30, 60]
"""Seconds after which a target that cannot be reached is tried again."""


@flow(name="daily", description="Land what is new, judge it, build the marts, judge, publish.")
def daily(home: Path | None = None, sources: Path | None = None) -> Summary:
    """The whole path; both parameters default to the settings' (``AFTERHYPE_*``).

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    with _a_run(home, sources) as run:
        summary = _land_and_judge(run)
        _tell_of_stale_sources(run)
        return _build_and_publish(run, summary)


@flow(name="hourly-ranks", description="Fetch the live charts and land chart captures; no build.")
def hourly_ranks(home: Path | None = None, sources: Path | None = None) -> Summary:
    """Land charts only; the next daily run builds on them.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    with _a_run(home, sources) as run:
        return _land_and_judge(stages.only_charts(run))


@flow(name="backfill", description="Land the extracts of a range of days, then build and publish.")
def backfill(
    start: date,
    end: date,
    source: str | None = None,
    home: Path | None = None,
    sources: Path | None = None,
) -> Summary:
    """Land extracts of the days ``start`` to ``end``, a month at a time, then build and
    publish.

    Broken off, it goes on where it was: what has landed is known. Between two
    months other runs of the same home get their turn. Of live feeds the archive is landed.

    Args:
        start: The first day, such as 2026-01-01.
        end: The last day, itself included.
        source: One source by its name; empty: every one.
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    landed: list[Summary] = []
    for number, (first, last) in enumerate(parts := stages.slices(start, end), 1):
        with _a_run(home, sources) as run:
            _tell_progress(f"backfill: {first} to {last}, part {number} of {len(parts)}")
            landed.append(_land_and_judge(stages.between(run, first, last, source)))
            if number == len(parts):
                return _build_and_publish(run, stages.together(landed))
    raise ConfigurationError(f"backfill: the end {end} lies before the start {start}")


@flow(name="land", description="Land what is new and judge it.")
def land(home: Path | None = None, sources: Path | None = None) -> Summary:
    """The first half of the daily flow."""
    with _a_run(home, sources) as run:
        return _land_and_judge(run)


@flow(name="build", description="Build the marts from what has landed; nothing is published.")
def build(
    home: Path | None = None,
    sources: Path | None = None,
    full: bool = False,
) -> Summary:
    """Run dbt alone; ``full`` makes everything anew."""
    with _a_run(home, sources) as run:
        _prepare(run)
        build_marts(run, full)
        return Summary(run_id=run.run_id)


@flow(name="check", description="Judge the marts as they stand; nothing is published.")
def check(home: Path | None = None, sources: Path | None = None) -> Summary:
    """Run the mart gate alone. Raises GateStopped as the daily flow does."""
    with _a_run(home, sources) as run:
        return _judge(run, Summary(run_id=run.run_id))


@flow(name="publish", description="Judge the marts as they stand, then publish them.")
def publish(home: Path | None = None, sources: Path | None = None) -> Summary:
    """The last half of the daily flow: the mart gate decides here as well."""
    with _a_run(home, sources) as run:
        return _judge_and_publish(run, Summary(run_id=run.run_id))


@flow(name="deliver", description="Deliver what is published to the targets that lack it.")
def deliver(home: Path | None = None, sources: Path | None = None, again: bool = False) -> Summary:
    """The end of the daily flow by hand.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
        again: Deliver to the targets that have it as well.
    """
    with _a_run(home, sources) as run:
        summary = _deliver(run, Summary(run_id=run.run_id), again=again)
        if summary.deliveries:
            artifact.leave(run.settings, summary)
        return summary


@flow(name="verify", description="Rebuild every mart aside and compare it cell for cell.")
def verify(home: Path | None = None, sources: Path | None = None) -> Verification:
    """Compare the marts with a rebuild. Raises MartsDiffer naming the first cells that differ.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    with _a_run(home, sources) as run:
        with progress("rebuilding every mart aside"):
            verification = stages.verify(run)
        if verification.differing_rows:
            events.tell_of_differences(run.settings, verification)
            raise MartsDiffer("\n".join(_difference_in_words(verification)))
        get_run_logger().info("%d cells are what a rebuild gives", verification.cells)
        return verification


def _difference_in_words(verification: Verification) -> Iterator[str]:
    yield f"{verification.differing_rows} rows of the marts differ from a rebuild:"
    yield from (f"  {difference}" for difference in verification.differences)
    yield "`afterhype build --full` makes them anew, `afterhype publish` publishes them."


@flow(name="compact", description="Prune old raw events and rewrite the warehouse file.")
def compact(home: Path | None = None, sources: Path | None = None) -> Compaction:
    """Give freed disk back; no mart changes. Readers of the published file notice nothing.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    with _a_run(home, sources) as run:
        _prepare(run)
        with progress("compacting the warehouse"):
            return stages.compact(run)


@task(task_run_name="land {source.name}", cache_policy=NO_CACHE)
def land_source(run: Run, source: AnyFiles) -> SourceLanding:
    """Land the new files of one source."""
    with progress(f"landing {source.name}") as advance:
        return _logged(stages.land_source(run, source, advance))


def _network_is_down(_task: Task[..., object], _run: TaskRun, state: State[object]) -> bool:
    return isinstance(state.result(raise_on_failure=False), NetworkDown)


@task(
    task_run_name="fetch {feed.name}",
    cache_policy=NO_CACHE,
    retries=NETWORK_RETRIES,
    retry_delay_seconds=[30, 120],
    retry_condition_fn=_network_is_down,
)
def fetch_feed(run: Run, feed: ChartFeed) -> list[Fetch]:
    """Fetch every chart of a live feed; each payload is archived before it is read."""
    with progress(f"fetching {feed.name}") as advance:
        fetches = fetch_charts(feed, run.settings, run.now, advance)
    if task_run.run_count <= NETWORK_RETRIES:
        raise_if_network_is_down(fetches)
    return fetches  # after the last try, what failed lands as "not fetched"


@task(task_run_name="land {feed.name}", cache_policy=NO_CACHE)
def land_feed(run: Run, feed: ChartFeed, fetches: list[Fetch]) -> SourceLanding:
    """Land what a live feed gave."""
    return _logged(stages.land_feed(run, feed, fetches))


@task(name="judge new extracts", cache_policy=NO_CACHE)
def judge_extracts(run: Run) -> GateReport | None:
    """The raw gate: quarantine every new extract that fails a critical check."""
    with progress("judging new extracts"):
        return stages.judge_extracts(run)


@task(name="build marts", cache_policy=NO_CACHE)
def build_marts(run: Run, full: bool = False) -> Build:
    """Run dbt, by arrival where it can; each of its nodes shows as a task of its own."""
    with progress("building the marts"):
        done = stages.build(run, flow_run_context(), full=full)
    get_run_logger().info("built %s: %s", "by arrival" if done.by_arrival else "anew", done.reason)
    return done


@task(name="judge marts", cache_policy=NO_CACHE)
def judge_marts(run: Run) -> GateReport:
    """The mart gate. It only judges; the flow stops."""
    with progress("judging the marts"):
        return stages.judge_marts(run)


@task(name="publish marts", cache_policy=NO_CACHE)
def publish_marts(run: Run) -> Publication:
    """Swap the new publication in: the marts, their Parquet and the site."""
    with progress("publishing"):
        return stages.publish(run)


def _is_unreachable(_task: Task[..., object], _run: TaskRun, state: State[object]) -> bool:
    return isinstance(state.result(raise_on_failure=False), TargetUnreachable)


@task(
    task_run_name="deliver to {target.address}",
    cache_policy=NO_CACHE,
    retries=3,
    retry_delay_seconds=DELIVERY_DELAYS,
    retry_condition_fn=_is_unreachable,
)
def deliver_to(run: Run, target: Target) -> Publication:
    """Deliver what is published to one target; tried again while it cannot be reached."""
    with progress(f"delivering to {target.address}"):
        return deliveries.deliver(run.settings, target)


@contextmanager
def _a_run(home: Path | None, sources: Path | None) -> Iterator[Run]:
    """Begin a run and be the only one that writes its home until it ends, or its time is up."""
    run = stages.begin(home, sources)
    if superseded := cancel_superseded():
        _tell(f"this run does the work of {len(superseded)} others that were due as well")
    with (
        one_at_a_time(run.settings, on_wait=_tell),
        time_limit(run.settings.time_limit_minutes),
    ):
        yield run


def _tell_progress(message: str) -> None:
    get_run_logger().info(message)
    notice(message)


def _tell(message: str) -> None:
    get_run_logger().warning(message)
    notice(message)  # the command line keeps Prefect's log off the terminal


def _prepare(run: Run) -> None:
    if moved := stages.prepare(run):
        _tell_progress(moved)


def _land_and_judge(run: Run) -> Summary:
    _prepare(run)
    landings = tuple(_land(run, source) for source in run.selected)
    report = judge_extracts(run)
    if report and report.critical_failures:
        get_run_logger().error(describe(report))
        events.tell_of_gate(run.settings, report)
    summary = Summary(run_id=run.run_id, landings=landings, raw_gate=report)
    artifact.leave(run.settings, summary)
    return summary


def _land(run: Run, source: AnySource) -> SourceLanding:
    if isinstance(source, ChartFeed):
        if run.days:
            return land_feed(run, source, stages.archived_fetches(run, source))
        return land_feed(run, source, fetch_feed(run, source))
    return land_source(run, source)


def _build_and_publish(run: Run, summary: Summary) -> Summary:
    if stands := stages.nothing_new(run):
        events.tell_of_publication(run.settings, stands, is_new=False)
        summary = _deliver(run, replace(summary, publication=stands, nothing_new=True))
        if summary.deliveries:
            artifact.leave(run.settings, summary)
        return summary
    build_marts(run)
    return _judge_and_publish(run, summary)


def _judge_and_publish(run: Run, summary: Summary) -> Summary:
    summary = _judge(run, summary)
    publication = publish_marts(run)
    events.tell_of_publication(run.settings, publication, is_new=True)
    summary = _deliver(run, replace(summary, publication=publication))
    artifact.leave(run.settings, summary)
    return summary


def _deliver(run: Run, summary: Summary, *, again: bool = False) -> Summary:
    """Deliver to every target that is due, at once: one that fails holds up no other."""
    targets = deliveries.due(run.settings, run.sources, again=again)
    published = current_publication(run.settings)
    if not targets or published is None:
        return summary
    futures = [deliver_to.submit(run, target) for target in targets]
    done = []
    for target, future in zip(targets, futures, strict=True):
        future.wait()
        came = future.state
        error = None if came.is_completed() else came.result(raise_on_failure=False)
        done.append(
            Delivery(
                address=target.address,
                publication_id=published.publication_id,
                error=str(error).rstrip(".") if error else None,
            )
        )
        get_run_logger().log(logging.ERROR if error else logging.INFO, done[-1].message)
        if error:
            events.tell_of_failed_delivery(run.settings, done[-1])
    deliveries.record(run.settings, done)
    return replace(summary, deliveries=tuple(done))


def _judge(run: Run, summary: Summary) -> Summary:
    report = judge_marts(run)
    summary = replace(summary, mart_gate=report)
    if report.critical_failures:
        artifact.leave(run.settings, summary)
        raise GateStopped(describe(report))
    return summary


def _tell_of_stale_sources(run: Run) -> None:
    for stale in stages.without_news(run):
        get_run_logger().warning(str(stale))
        events.tell_of_stale_source(run.settings, stale)


def _logged(landing: SourceLanding) -> SourceLanding:
    log = get_run_logger()
    log.info("%s: %d landed, %d known", landing.source, len(landing.landed), landing.known)
    for message in landing.failed:
        log.error(message)
    return landing
