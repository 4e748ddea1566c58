"""The sentences of flows.pipeline as Prefect flows, each step a task: what deployments run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows import artifact, events, pipeline
from flows.compaction import Compaction
from flows.exclusive import one_at_a_time
from flows.outlook.slow_sources import SlowSource
from flows.publish import Publication
from flows.quality import GateReport
from flows.schedule import cancel_superseded
from flows.settings import Settings
from flows.stages import Summary
from flows.staleness import StaleSource
from flows.steps import Runner, Step
from flows.targets.deliveries import Delivery
from flows.time_limit import time_limit
from flows.verify import Verification

P = ParamSpec("P")
T = TypeVar("T")


class FlowRunner(Runner):
    """Carries out steps as tasks of the flow run at hand, and reports to its server."""

    def _carry_out(self, what: Step[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        shown: Callable[P, T] = as_task(what)
        return shown(*args, **kwargs)

    def do_all(self, what: Step[P, T], each: Sequence[tuple[Any, ...]]) -> list[T | Exception]:
        """Carry out a step for each of several arguments at once; an error stops no other."""
        if not each:
            return []
        with self._timed(what, each[0]):
            futures = [as_task(what).submit(*args) for args in each]
            for future in futures:
                future.wait()
            return [future.state.result(raise_on_failure=False) for future in futures]

    @contextmanager
    def turn(self, settings: Settings) -> Iterator[None]:
        """Queue behind other runs where they show, on the server, too."""
        if superseded := cancel_superseded():
            self.report(f"this run does the work of {len(superseded)} others that were due as well")
        with (
            one_at_a_time(settings, on_wait=self.report),
            time_limit(settings.time_limit_minutes),
        ):
            yield

    def log(self, level: int, message: str) -> None:
        """Say it in the flow run's log."""
        get_run_logger().log(level, message)

    def leave_summary(self, settings: Settings, summary: Summary) -> None:
        """Leave the run's artifacts."""
        artifact.leave(settings, summary)

    def gate_stopped(self, settings: Settings, report: GateReport) -> None:
        """Emit an event that alerts act on; so do the others."""
        events.tell_of_gate(settings, report)

    def source_is_stale(self, settings: Settings, stale: StaleSource) -> None:
        super().source_is_stale(settings, stale)
        events.tell_of_stale_source(settings, stale)

    def source_is_slow(self, settings: Settings, slow: SlowSource) -> None:
        super().source_is_slow(settings, slow)
        events.tell_of_slow_source(settings, slow)

    def published(self, settings: Settings, publication: Publication, *, is_new: bool) -> None:
        events.tell_of_publication(settings, publication, is_new=is_new)

    def delivery_failed(self, settings: Settings, delivery: Delivery) -> None:
        events.tell_of_failed_delivery(settings, delivery)

    def marts_differ(self, settings: Settings, verification: Verification) -> None:
        events.tell_of_differences(settings, verification)


@cache
def as_task(what: Step[..., Any]) -> Task[..., Any]:
    """The task that shows a step, with its name and its retries; nothing of it is cached."""
    retry = what.retry

    def may_be_tried_again(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
        error = state.result(raise_on_failure=False)
        return retry is not None and isinstance(error, retry.on)

    show: Callable[[Callable[..., Any]], Task[..., Any]] = task(
        task_run_name=what.name,
        cache_policy=NO_CACHE,
        retries=len(retry.after_seconds) if retry else 0,
        retry_delay_seconds=list(retry.after_seconds) if retry else 0,
        retry_condition_fn=may_be_tried_again,
    )
    return show(what.function)


@flow(name="daily", description="Land what is new, judge it, build the marts, judge, publish.")
def daily(home: Path | None = None, sources: Path | None = None) -> Summary:
    """The whole path; both parameters default to the settings' (``AFTERHYPE_*``).

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    return pipeline.daily(home, sources, FlowRunner())


@flow(name="hourly-ranks", description="Fetch the live charts and land chart captures; no build.")
def hourly_ranks(home: Path | None = None, sources: Path | None = None) -> Summary:
    """Land charts only; the next daily run builds on them.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    return pipeline.hourly_ranks(home, sources, FlowRunner())


@flow(name="backfill", description="Land the extracts of a range of days, then build and publish.")
def backfill(
    start: date,
    end: date,
    source: str | None = None,
    home: Path | None = None,
    sources: Path | None = None,
) -> Summary:
    """Land extracts of the days ``start`` to ``end``, a month at a time, then build and publish.

    Args:
        start: The first day, such as 2026-01-01.
        end: The last day, itself included.
        source: One source by its name; empty: every one.
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    return pipeline.backfill(start, end, source, home, sources, FlowRunner())


@flow(name="land", description="Land what is new and judge it.")
def land(home: Path | None = None, sources: Path | None = None) -> Summary:
    """The first half of the daily flow."""
    return pipeline.land(home, sources, FlowRunner())


@flow(name="build", description="Build the marts from what has landed; nothing is published.")
def build(home: Path | None = None, sources: Path | None = None, full: bool = False) -> Summary:
    """Run dbt and the outlook; ``full`` makes everything anew."""
    return pipeline.build(home, sources, full, FlowRunner())


@flow(name="check", description="Judge the marts as they are; nothing is published.")
def check(home: Path | None = None, sources: Path | None = None) -> Summary:
    """Run the mart gate alone. Raises GateStopped as the daily flow does."""
    return pipeline.check(home, sources, FlowRunner())


@flow(name="publish", description="Judge the marts as they are, then publish them.")
def publish(home: Path | None = None, sources: Path | None = None) -> Summary:
    """The last half of the daily flow: the mart gate decides here as well."""
    return pipeline.publish(home, sources, FlowRunner())


@flow(name="deliver", description="Deliver what is published to the targets that lack it.")
def deliver(home: Path | None = None, sources: Path | None = None, again: bool = False) -> Summary:
    """The end of the daily flow.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
        again: Deliver to the targets that have it as well.
    """
    return pipeline.deliver(home, sources, again, FlowRunner())


@flow(name="verify", description="Rebuild every mart in another file, compare it cell for cell.")
def verify(home: Path | None = None, sources: Path | None = None) -> Verification:
    """Compare the marts with a rebuild. Raises MartsDiffer naming the first cells that differ.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    return pipeline.verify(home, sources, FlowRunner())


@flow(name="compact", description="Prune old raw events and rewrite the warehouse file.")
def compact(home: Path | None = None, sources: Path | None = None) -> Compaction:
    """Give freed disk back; no mart changes. Readers of the published file notice nothing.

    Args:
        home: The home folder; empty: AFTERHYPE_HOME of the deployment, else .afterhype.
        sources: The sources file; empty: AFTERHYPE_SOURCES of the deployment, else the demo's.
    """
    return pipeline.compact(home, sources, FlowRunner())
