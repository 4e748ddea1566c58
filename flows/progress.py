"""Show that long work goes on: a bar or a spinner on a terminal, nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

_console = Console(stderr=True)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show ``label`` while a block runs; the block may report (done, total) as it goes."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal)
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def notice(message: str) -> None:
    """Say on stderr why nothing moves."""
    _console.print(message, highlight=False, markup=False, soft_wrap=True)
