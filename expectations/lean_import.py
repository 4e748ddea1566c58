"""Spare Great Expectations, before it is imported, what it would do for nothing."""

from __future__ import annotations

import importlib.util
import os
import sys


def _load_when_used(package: str, name: str) -> None:
    """Have the import of a package's module take no time until one of its attributes is used."""
    whole = f"{package}.{name}"
    parent, spec = importlib.import_module(package), importlib.util.find_spec(whole)
    if whole in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[whole] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # a package that imports its modules by name would look into it, and so load it
    setattr(parent, name, module)


os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
_load_when_used("scipy", "stats")  # a fifth of its import, for three expectations of no suite here
