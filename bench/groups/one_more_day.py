"""One more day on top of ever longer histories of the same daily volume."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from bench.home import afterhype_run, base_home, facts, generate, months, write_sources
from bench.place import Place
from bench.population import Population
from bench.process import BenchError, Finished
from bench.results import Measurement, measurement

HISTORIES = (30, 180, 365, 720)
"""Days of history before the new day."""

EVENTS_PER_DAY = 20_000

REPEATS = 2


def measure(place: Place, scratch: Path) -> list[Measurement]:
    """Make the histories, then add day after day to each of them in turn."""
    population = Population.of_volume(place.scaled(EVENTS_PER_DAY))
    bases = make_histories(scratch, population, HISTORIES)
    runs: dict[int, list[Finished]] = {days: [] for days in HISTORIES}
    for _ in range(REPEATS):
        for days in HISTORIES:
            runs[days].append(add_a_day(scratch, population, days))
    found = []
    for days in HISTORIES:
        held = facts(scratch, folder_of(scratch, days) / "home")
        details = held | {"history_days": days, "history_run_seconds": bases[days]}
        rows = population.active * population.events
        found.append(
            measurement("one more day", f"{days} days", runs[days], rows=rows, details=details)
        )
    return found


def make_histories(
    scratch: Path, population: Population, histories: Sequence[int]
) -> dict[int, float]:
    """Land and publish each number of days in a home of its own; the seconds that it took."""
    blocks = {
        stretch: scratch / "history" / "days-{:04}-{:04}.parquet".format(*stretch)
        for stretch in _stretches(histories)
    }
    generate(scratch, population, [(*days, "parquet", path) for days, path in blocks.items()])
    bases = {}
    for days in histories:
        folder = folder_of(scratch, days)
        write_sources(folder)
        for stretch, block in blocks.items():
            if stretch[1] <= days:
                _link(block, folder / "data" / block.name)
        bases[days] = base_home(scratch, folder)
    return bases


def _stretches(histories: Sequence[int]) -> list[tuple[int, int]]:
    """About one a month, and none across the end of a history."""
    ends = (0, *histories)
    return [stretch for start, end in pairwise(ends) for stretch in months(start, end)]


def folder_of(scratch: Path, days: int) -> Path:
    """Where the home of a history is, with its sources file and its data."""
    return scratch / f"{days}-days"


def _link(file: Path, name: Path) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    if not name.exists():
        os.link(file, name)


def add_a_day(scratch: Path, population: Population, days: int) -> Finished:
    """Deliver the day after the last one and run. Raises BenchError unless it came by arrival."""
    folder = folder_of(scratch, days)
    day = days + len(list((folder / "data").glob("day-*.parquet")))
    delivered = folder / "data" / f"day-{day:04}.parquet"
    generate(scratch, population, [(day, day + 1, "parquet", delivered)])
    before = len(list((folder / "data").iterdir()))
    finished = afterhype_run(scratch, folder, f"day-{days}")
    held = facts(scratch, folder / "home")
    if held["extracts"] != before or not held["by_arrival"]:
        raise BenchError(f"{delivered.name} on {days} days: not added by arrival: {held}")
    return finished
