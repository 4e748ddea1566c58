"""Where a run's time goes, step by step, as the runs have recorded it themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.groups.one_more_day import EVENTS_PER_DAY, add_a_day, folder_of, make_histories
from bench.home import afterhype_run, environment, facts
from bench.place import Place, ours
from bench.population import Population
from bench.process import BenchError, Finished, run
from bench.results import Measurement, measurement

HISTORIES = (30, 720)
"""Days of history, the shortest and the longest of the bench of one more day."""


def measure(place: Place, scratch: Path) -> list[Measurement]:
    """Nothing new, one more day on a short and a long history, and the demo: once each."""
    population = Population.of_volume(place.scaled(EVENTS_PER_DAY))
    make_histories(scratch, population, HISTORIES)
    found = []
    for days in HISTORIES:
        home = folder_of(scratch, days) / "home"
        finished = add_a_day(scratch, population, days)
        found.append(_measured(scratch, f"one more day on {days}", finished, home))
    shortest = folder_of(scratch, HISTORIES[0])
    finished = afterhype_run(scratch, shortest, "again")
    if "Nothing new" not in finished.output:
        raise BenchError(f"something was new:\n{finished.output}")
    found.insert(0, _measured(scratch, "nothing new", finished, shortest / "home"))
    home = scratch / "demo"
    shutil.rmtree(home, ignore_errors=True)
    command = [str(Path(ours()).with_name("afterhype")), "demo", "--home", str(home)]
    finished = run(command, environment(scratch), scratch / "demo.log")
    return [*found, _measured(scratch, "the demo, its generation and its server", finished, home)]


def _measured(scratch: Path, subject: str, finished: Finished, home: Path) -> Measurement:
    held = facts(scratch, home)
    details = {"steps": held["steps"], "cpu_seconds": finished.cpu_seconds}
    return measurement("run time", subject, [finished], rows=held["events"], details=details)
