"""End a run that works for too long, whatever it is doing, with nothing left that writes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import duckdb

from flows.errors import TimeLimitExceeded

_SIGNAL = signal.SIGUSR2
_AGAIN_SECONDS = 10.0


class _TimeIsUp(BaseException):
    """Not an Exception: nobody may take it for a broken extract and go on to the next one."""


_open: dict[int, duckdb.DuckDBPyConnection] = {}


@contextmanager
def interruptible(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let a time limit interrupt what ``con`` is asked within a block."""
    _open[id(con)] = con
    try:
        yield
    finally:
        del _open[id(con)]


@contextmanager
def time_limit(minutes: float) -> Iterator[None]:
    """Break a block off after ``minutes``.

    A signal breaks off what the main thread does; before, queries of ``interruptible`` connections
    are interrupted, as DuckDB looks at no signals within a long one; a wait for dbt's process is
    broken off by killing it (flows.dbt_process). It is repeated, should something swallow it. In
    other threads, which get no signals, nothing is limited; a worker, a deployment and the command
    line run flows in the main one. Raises TimeLimitExceeded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline = time.monotonic() + 60 * minutes

    def break_off(_signal: int, _frame: FrameType | None) -> None:
        if not over.is_set():
            raise _TimeIsUp

    # not the alarm of setitimer, of which there is one only, and Prefect sets it too
    before = signal.signal(_SIGNAL, break_off)
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(60 * minutes, over), daemon=True)
    watch.start()
    try:
        try:
            yield
        finally:
            over.set()
    except BaseException as error:
        # what DuckDB makes of an interruption, and of a signal that comes between its tasks
        interrupted = isinstance(error, duckdb.InterruptException) or (
            isinstance(error, RuntimeError) and "interrupted" in str(error).lower()
        )
        if isinstance(error, _TimeIsUp) or (interrupted and time.monotonic() >= deadline):
            raise TimeLimitExceeded(
                f"the run worked for more than its limit of {minutes:g} minutes and was broken "
                "off. Nothing was published, nothing of it writes any more; the next run goes on "
                "with what has landed and builds the marts anew where a build was broken off. "
                "AFTERHYPE_TIME_LIMIT_MINUTES sets the limit."
            ) from error
        raise
    finally:
        watch.join()
        signal.signal(_SIGNAL, before)


def _watch(seconds: float, over: threading.Event) -> None:
    main = threading.main_thread().ident
    assert main is not None
    while not over.wait(seconds):
        signal.pthread_kill(main, _SIGNAL)  # first: it is acted on as soon as the query returns
        for con in list(_open.values()):
            con.interrupt()
        seconds = _AGAIN_SECONDS
