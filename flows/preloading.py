"""Get ready in a thread, above all by imports, while this process waits for something else."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

LONGEST_SECONDS = 60
"""How long the end of this process waits for what is being made ready."""

_begun: dict[str, threading.Event] = {}
_previous: threading.Thread | None = None


def load(*modules: str) -> None:
    """Begin to import modules, one after the other; returns at once."""
    wanted = [name for name in modules if name not in _begun and name not in sys.modules]
    if not wanted:
        return
    _begun.update({name: threading.Event() for name in wanted})
    _go_on_with(lambda: _import(wanted))


def make(what: Callable[[], object]) -> Future[object]:
    """Begin to make something that is kept for whoever asks for it later; returns at once.

    What is wrong with it, the future says to those who wait for it.
    """
    made: Future[object] = Future()

    def in_thread() -> None:
        try:
            made.set_result(what())
        except Exception as error:
            made.set_exception(error)

    _go_on_with(in_thread)
    return made


def wait() -> None:
    """Wait until all that was begun is done."""
    if _previous:
        _previous.join()


def wait_for(module: str) -> None:
    """Wait until a module that was begun is there: two threads must not import it together.

    What is wrong with it, the import statement that follows says.
    """
    if begun := _begun.get(module):
        begun.wait()


def _go_on_with(what: Callable[[], None]) -> None:
    """Do something after all that was begun before."""
    global _previous
    before = _previous

    def in_its_turn() -> None:
        if before:
            before.join()
        what()

    _previous = threading.Thread(target=in_its_turn, name="preloading", daemon=True)
    _previous.start()


@atexit.register
def _wait_at_the_end() -> None:
    """Let an import end before the interpreter does, which might crash; but not for ever.

    A signal that breaks an import off in the main thread can leave Python's import lock taken, for
    which a thread would wait and never get it.
    """
    if _previous:
        _previous.join(LONGEST_SECONDS)
        if _previous.is_alive():
            os._exit(1)


def _import(modules: list[str]) -> None:
    gc.disable()  # modules stay: to look for garbage among them costs a sixth
    try:
        for name in modules:
            with suppress(Exception):
                importlib.import_module(name)
            _begun[name].set()
    finally:
        gc.enable()
