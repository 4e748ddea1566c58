"""End a run that works for too long, whatever it is doing, with nothing left that writes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flows.errors import TimeLimitExceeded

_AGAIN_SECONDS = 10.0


class _TimeIsUp(BaseException):
    """Not an Exception: nobody may take it for a broken extract and go on to the next one."""


@contextmanager
def time_limit(minutes: float) -> Iterator[None]:
    """Break a block off after ``minutes``.

    An alarm breaks off what the main thread does, a DuckDB query too; a wait for dbt's process is
    broken off by killing it (flows.dbt_process). It is repeated, should something swallow it. In
    other threads, which get no signals, nothing is limited; a worker, a deployment and the command
    line run flows in the main one. Raises TimeLimitExceeded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadline = time.monotonic() + 60 * minutes

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 60 * minutes, _AGAIN_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException as error:
        # DuckDB turns the interruption of a query into an error of its own
        interrupted = isinstance(error, RuntimeError) and "interrupted" in str(error).lower()
        if isinstance(error, _TimeIsUp) or (interrupted and time.monotonic() >= deadline):
            raise TimeLimitExceeded(
                f"the run worked for more than its limit of {minutes:g} minutes and was broken "
                "off. Nothing was published, nothing of it writes any more; the next run goes on "
                "with what has landed and builds the marts anew where a build was broken off. "
                "AFTERHYPE_TIME_LIMIT_MINUTES sets the limit."
            ) from error
        raise
    finally:
        signal.signal(signal.SIGALRM, before)
