"""Show that long work goes on: a bar or a spinner on a terminal, lines as it goes in a file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

_console = Console(stderr=True)

_SECONDS_BETWEEN_LINES = 30
"""How often a line says how far a long step is, where there is no bar."""


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show ``label`` while a block runs; the block may report (done, total) as it goes.

    A terminal gets a bar on stderr. Output that goes elsewhere gets a line at the beginning, one
    each half minute, and one at the end, each written at once.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal)
    log = _log()
    began = last = time.monotonic()
    _write(log, label)

    def advance(done: int, total: int) -> None:
        nonlocal last
        bar.update(task, completed=done, total=total)
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            _write(log, f"{label}: {done:,} of {total:,}")

    with bar:
        task = bar.add_task(label, total=None)
        try:
            yield advance
        except BaseException:
            _write(log, f"{label}: failed after {time.monotonic() - began:.1f} s")
            raise
        _write(log, f"{label}: done in {time.monotonic() - began:.1f} s")


def report_where_no_bar_shows(message: str) -> None:
    """Say on stderr how far long work has come, unless a terminal shows a bar of it."""
    if not _console.is_terminal:
        notice(message)


def notice(message: str) -> None:
    """Say on stderr why nothing moves."""
    _console.print(message, highlight=False, markup=False, soft_wrap=True)


def _log() -> TextIO | None:
    """Where lines go: what is no terminal, stdout before stderr; None if both are terminals."""
    return next((stream for stream in (sys.stdout, sys.stderr) if not stream.isatty()), None)


def _write(log: TextIO | None, message: str) -> None:
    if log:
        try:
            print(f"{datetime.now(UTC):%H:%M:%S} {message}", file=log, flush=True)
        except BrokenPipeError:  # nobody reads on: the work goes on all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), log.fileno())
