"""Carry out the steps of a run in this process, timing each; flows.flow_runs does it in Prefect."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, ParamSpec, TypeVar

from flows.dbt_process import dbt_cpu_seconds
from flows.outlook.slow_sources import SlowSource
from flows.progress import notice
from flows.publish import Publication
from flows.quality import GateReport
from flows.settings import Settings
from flows.stages import Summary
from flows.staleness import StaleSource
from flows.targets.deliveries import Delivery
from flows.time_limit import time_limit
from flows.timings import StepTime
from flows.verify import Verification
from flows.warehouse import writer

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # a run by hand shows its summary; who wants more, asks


@dataclass(frozen=True, kw_only=True)
class Retry:
    """A step is tried again, after so many seconds each time, where one of these errors ends it."""

    on: type[Exception]
    after_seconds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Step(Generic[P, T]):
    """One step of a run: ``name`` may refer to its arguments, as in "land {source.name}"."""

    name: str
    function: Callable[P, T]
    retry: Retry | None = None


def step(name: str, retry: Retry | None = None) -> Callable[[Callable[P, T]], Step[P, T]]:
    """Make a function a step, which a Runner carries out."""
    return lambda function: Step(name=name, function=function, retry=retry)


@dataclass(kw_only=True)
class Runner:
    """Carries out steps one after the other in this process. No server is asked or started."""

    times: list[StepTime] = field(default_factory=list)

    def do(self, what: Step[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out a step, again where its errors may be tried again; raises its last error."""
        with self._timed(what, args):
            return self._carry_out(what, *args, **kwargs)

    def do_all(self, what: Step[P, T], each: Sequence[tuple[Any, ...]]) -> list[T | Exception]:
        """Carry out a step for each of several arguments at once; an error stops no other."""
        if not each:
            return []
        with self._timed(what, each[0]), ThreadPoolExecutor(max_workers=len(each)) as threads:
            return list(threads.map(lambda args: self._outcome(what, args), each))

    @contextmanager
    def turn(self, settings: Settings) -> Iterator[None]:
        """Be the only run that writes a home, for as long as a run may take."""
        with writer(settings, self.report), time_limit(settings.time_limit_minutes):
            yield

    def log(self, level: int, message: str) -> None:
        """Say what happens, to those who follow the log."""
        _log.log(level, message)

    def report(self, message: str) -> None:
        """Say what somebody who waits must know."""
        self.log(logging.WARNING, message)
        notice(message)

    # what a server is told of a run; without one, the summary of the command says it

    def leave_summary(self, settings: Settings, summary: Summary) -> None:
        """Keep what a run came to where its runs are looked at."""

    def gate_stopped(self, settings: Settings, report: GateReport) -> None:
        """A gate stopped something."""

    def source_is_stale(self, settings: Settings, stale: StaleSource) -> None:
        """A source has brought nothing new for too long."""
        self.report(str(stale))

    def source_is_slow(self, settings: Settings, slow: SlowSource) -> None:
        """A source lies so far behind its app's others that they wait for it."""
        self.report(str(slow))

    def published(self, settings: Settings, publication: Publication, *, is_new: bool) -> None:
        """There is a publication that holds all that has landed."""

    def delivery_failed(self, settings: Settings, delivery: Delivery) -> None:
        """A target did not take the publication."""

    def marts_differ(self, settings: Settings, verification: Verification) -> None:
        """A rebuild gives other cells."""

    def _carry_out(self, what: Step[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        delays = what.retry.after_seconds if what.retry else ()
        for delay in delays:
            try:
                return what.function(*args, **kwargs)
            except Exception as error:
                if what.retry is None or not isinstance(error, what.retry.on):
                    raise
                self.report(f"{error}; tried again in {delay:g} s")
                time.sleep(delay)
        return what.function(*args, **kwargs)

    def _outcome(self, what: Step[..., T], args: tuple[Any, ...]) -> T | Exception:
        try:
            return self._carry_out(what, *args)
        except Exception as error:
            return error

    @contextmanager
    def _timed(self, what: Step[..., Any], args: Sequence[Any]) -> Iterator[None]:
        started_at = datetime.now(UTC).replace(tzinfo=None)
        began, cpu_began = time.monotonic(), _cpu_seconds()
        try:
            yield
        finally:
            self.times.append(
                StepTime(
                    step=_named(what, args),
                    started_at=started_at,
                    seconds=time.monotonic() - began,
                    cpu_seconds=_cpu_seconds() - cpu_began,
                )
            )


def _named(what: Step[..., Any], args: Sequence[Any]) -> str:
    names = what.function.__code__.co_varnames
    return what.name.format(**dict(zip(names, args, strict=False)))


def _cpu_seconds() -> float:
    """CPU seconds, user and system, of this process and of the commands that dbt has answered."""
    return time.process_time() + dbt_cpu_seconds()
