"""Import heavy modules in a thread while this process waits for something else, such as dbt."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from contextlib import suppress

_begun: dict[str, threading.Event] = {}
_previous: threading.Thread | None = None


def load(*modules: str) -> None:
    """Begin to import modules, one after the other; returns at once."""
    global _previous
    wanted = [name for name in modules if name not in _begun and name not in sys.modules]
    if not wanted:
        return
    _begun.update({name: threading.Event() for name in wanted})
    # not a daemon: an interpreter that ends in the middle of an import may crash
    _previous = threading.Thread(target=_import, args=(wanted, _previous), name="preloading")
    _previous.start()


def wait_for(module: str) -> None:
    """Wait until a module that was begun is there: two threads must not import it together.

    What is wrong with it, the import statement that follows says.
    """
    if begun := _begun.get(module):
        begun.wait()


def _import(modules: list[str], after: threading.Thread | None) -> None:
    if after:
        after.join()
    gc.disable()  # modules stay: to look for garbage among them costs a sixth
    try:
        for name in modules:
            with suppress(Exception):
                importlib.import_module(name)
            _begun[name].set()
    finally:
        gc.enable()
