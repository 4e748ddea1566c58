"""Run dbt in a process of its own, which can be ended for good when a run is broken off.

Threads cannot be ended: one that dbt has started would go on writing the warehouse after the run
has failed. A process can, and the kernel takes back whatever it held.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import cloudpickle

from flows.errors import TransformError
from flows.settings import PROJECT_ROOT

_NO_WORD_OF_LEAKS = "ignore:resource_tracker:UserWarning"
"""The process is killed with what it holds; Python's tracker takes that back, and warns of it."""


@dataclass(frozen=True, kw_only=True)
class DbtFailure:
    """One node that failed: such as ("model", "app_scorecard", what dbt says of it)."""

    resource_type: str
    name: str
    message: str


@dataclass(frozen=True, kw_only=True)
class DbtOutcome:
    """What one dbt command came to; ``error`` is why it did not run at all."""

    nodes: int = 0
    success: bool
    failures: tuple[DbtFailure, ...] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class DbtRequest:
    """A dbt command. ``context`` is a Prefect flow run's: its models then show as tasks of it."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    context: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class _Child:
    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]

    def end(self) -> None:
        """Kill the process and wait until it is gone: nothing of it writes any more."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.requests, self.answers):
            with suppress(BrokenPipeError):  # what it had not read
                pipe.close()


_one_command = threading.Lock()
_child: _Child | None = None


def run_dbt(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    context: Mapping[str, Any] | None = None,
) -> DbtOutcome:
    """Run one dbt command, with ``environment`` set for its length.

    The process is kept for the next command, since importing dbt takes seconds; it ends with this
    one, however this one ends. An exception that breaks the wait off, such as a time limit or
    Ctrl-C, kills it before it goes on. Raises TransformError when it dies.
    """
    request = DbtRequest(arguments=tuple(arguments), environment=environment, context=context)
    with _one_command:
        child = _living_child()
        try:
            cloudpickle.dump(request, child.requests)
            child.requests.flush()
            outcome = pickle.load(child.answers)
        except (EOFError, BrokenPipeError) as error:
            with suppress(subprocess.TimeoutExpired):  # for its own exit code
                child.process.wait(timeout=10)
            end_dbt()
            raise TransformError(
                f"dbt {arguments[0]}: its process ended before its time, with "
                f"{child.process.returncode}. A negative number is a signal's: -9 most often means "
                "that the machine ran out of memory; lower AFTERHYPE_MEMORY_LIMIT or "
                "AFTERHYPE_THREADS. The next run builds everything anew."
            ) from error
        except BaseException:
            end_dbt()
            raise
    assert isinstance(outcome, DbtOutcome)
    return outcome


def end_dbt() -> None:
    """End the process in which dbt runs, if there is one."""
    global _child
    child, _child = _child, None
    if child:
        child.end()


atexit.register(end_dbt)


def _living_child() -> _Child:
    global _child
    if _child is None or _child.process.poll() is not None:
        end_dbt()
        _child = _start()
    return _child


def _start() -> _Child:
    readable, writable = os.pipe()
    try:
        process = subprocess.Popen(
            [
                *(sys.executable, "-W", _NO_WORD_OF_LEAKS),
                *("-m", "flows.dbt_tasks", str(writable)),
            ],
            stdin=subprocess.PIPE,
            pass_fds=[writable],
            # found also where nothing is installed
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), *_python_path()])},
        )
    finally:
        os.close(writable)  # so that its end is the end of the answers
    assert process.stdin is not None
    return _Child(process=process, requests=process.stdin, answers=os.fdopen(readable, "rb"))


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
