"""Every group of benchmarks by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.groups import (
    cube,
    dashboard,
    dirt,
    full_build,
    landing,
    nothing_new,
    one_more_day,
    outlook,
    run_time,
)
from bench.place import Place
from bench.results import Measurement

GROUPS: dict[str, Callable[[Place, Path], list[Measurement]]] = {
    "landing-ndjson": partial(landing.measure, kind="ndjson"),
    "landing-csv": partial(landing.measure, kind="csv"),
    "landing-parquet": partial(landing.measure, kind="parquet"),
    "profile-of-landing": landing.profile,
    "large-file": dirt.large_file,
    "many-files": dirt.many_files,
    "fuzz": dirt.fuzz,
    "outlook": outlook.measure,
    "run-time": run_time.measure,
    "nothing-new": nothing_new.measure,
    "cube": cube.measure,
    "dashboard": dashboard.measure,
    "full-build-10m": partial(full_build.measure, events=10_000_000),
    "one-more-day": one_more_day.measure,
    "full-build-100m": partial(full_build.measure, events=100_000_000),
}


def chosen(only: list[str], skip: list[str]) -> list[str]:
    """The groups whose names begin with one of ``only`` (default: all) and with none of ``skip``.

    Raises ValueError for a beginning that no name has.
    """
    for beginning in (*only, *skip):
        if not any(name.startswith(beginning) for name in GROUPS):
            raise ValueError(f"no group begins with {beginning!r} (known: {', '.join(GROUPS)})")
    return [
        name
        for name in GROUPS
        if name.startswith(tuple(only) or "") and not (skip and name.startswith(tuple(skip)))
    ]
