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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO

from flows.errors import TransformError
from flows.settings import PROJECT_ROOT

_NO_WORD_OF_LEAKS = "ignore:resource_tracker:UserWarning"
"""The process is killed with what it holds; Python's tracker takes that back, and warns of it."""


@dataclass(frozen=True, kw_only=True)
class DbtNode:
    """What one node of a dbt command came to; ``message`` is dbt's."""

    resource_type: str
    name: str
    seconds: float
    failed: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class DbtOutcome:
    """What one dbt command came to; ``error`` is why it did not run at all.

    ``cpu_seconds`` are those of dbt's process since the answer before.
    """

    success: bool
    nodes: tuple[DbtNode, ...] = ()
    error: str | None = None
    cpu_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class DbtRequest:
    """A dbt command, such as ("build", "--select", "app_scorecard").

    ``options`` say which project and profile; ``environment`` is what profiles.yml reads. What dbt
    says goes to ``log_file``.
    ``variables`` are JSON. Requests of equal ``parsed_as`` share what dbt has parsed, whatever
    their variables are. ``parse_options`` and ``parse_environment`` replace what would make dbt
    parse anew though it comes to the same: it compares them with those of the last time.
    """

    command: tuple[str, ...]
    options: tuple[str, ...]
    environment: Mapping[str, str]
    parsed_as: str
    log_file: str
    variables: str = "{}"
    parse_options: tuple[str, ...] = ()
    parse_environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Child:
    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]
    unread: int = 0
    """Answers to come."""
    begun: DbtRequest | None = None
    """What it was asked last, where nobody waits for the answer yet."""
    prepared: set[str] = field(default_factory=set)
    """What it was asked to parse beforehand."""

    def ask(self, request: DbtRequest) -> None:
        pickle.dump(request, self.requests)
        self.requests.flush()
        self.unread += 1

    def end(self) -> None:
        """Kill the process and wait until it is gone: nothing of it writes any more."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.requests, self.answers):
            with suppress(BrokenPipeError):  # what it had not read
                pipe.close()


_one_command = threading.Lock()
_child: _Child | None = None
_cpu_seconds = 0.0


def dbt_cpu_seconds() -> float:
    """CPU seconds of all dbt commands that this process has had an answer to."""
    return _cpu_seconds


def prepare_dbt(request: DbtRequest) -> None:
    """Have dbt parse the project for a later request, and do not wait for its answer.

    Nothing happens where it was asked for before. Whatever is wrong, the later request says it.
    """
    with _one_command, suppress(BrokenPipeError):
        child = _living_child()
        if request.parsed_as not in child.prepared:
            child.prepared.add(request.parsed_as)
            child.ask(replace(request, command=("parse",)))


def begin_dbt(request: DbtRequest) -> None:
    """Have dbt begin with a command; ``run_dbt`` of the same request waits for its end.

    Whatever is wrong, ``run_dbt`` says it.
    """
    with _one_command, suppress(BrokenPipeError):
        child = _living_child()
        child.ask(request)
        child.begun = request


def run_dbt(request: DbtRequest) -> DbtOutcome:
    """Run one dbt command, unless it has begun, and wait for its end.

    The process is kept for the next command, since importing dbt takes seconds; it ends with this
    one, however this one ends. An exception that breaks the wait off, such as a time limit or
    Ctrl-C, kills it before it goes on. Raises TransformError when it dies.
    """
    with _one_command:
        child = _living_child()
        try:
            if child.begun != request:
                child.ask(request)
            child.begun = None
            while child.unread:  # the last one is that of the request
                outcome = _read_answer(child)
                child.unread -= 1
        except (EOFError, BrokenPipeError) as error:
            with suppress(subprocess.TimeoutExpired):  # for its own exit code
                child.process.wait(timeout=10)
            end_dbt()
            raise TransformError(
                f"dbt {request.command[0]}: its process ended before its time, with "
                f"{child.process.returncode}. A negative number is a signal's: -9 most often means "
                "that the machine ran out of memory; lower AFTERHYPE_MEMORY_LIMIT or "
                "AFTERHYPE_THREADS. The next run builds everything anew."
            ) from error
        except BaseException:
            end_dbt()
            raise
    return outcome


def _read_answer(child: _Child) -> DbtOutcome:
    global _cpu_seconds
    outcome = pickle.load(child.answers)
    assert isinstance(outcome, DbtOutcome)
    _cpu_seconds += outcome.cpu_seconds
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
                *("-m", "flows.dbt_child", str(writable)),
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
