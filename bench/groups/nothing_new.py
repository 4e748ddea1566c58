"""A run in which nothing is new, and how much of it is starting up."""

from __future__ import annotations

from pathlib import Path

from bench.groups.one_more_day import EVENTS_PER_DAY
from bench.home import afterhype_run, base_home, environment, write_months, write_sources
from bench.place import Place, ours
from bench.population import Population
from bench.process import BenchError, Finished, run
from bench.results import Measurement, measurement

DAYS = 30

REPEATS = 5

_RUN = "afterhype run"

_QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""What the command line sets for itself."""

_EMPTY_FLOW = """
from prefect import flow

@flow
def empty() -> None:
    pass

empty()
"""

_START_UP = {
    "Python alone": "pass",
    "import duckdb": "import duckdb",
    "import prefect": "import prefect",
    "import flows.pipeline": "import flows.pipeline",
    "an empty Prefect flow, with the server it starts": _EMPTY_FLOW,
}
"""Programs from nothing to all that a run needs before it does anything."""


def measure(place: Place, scratch: Path) -> list[Measurement]:
    """Publish 30 days once, then run again and again."""
    population = Population.of_volume(place.scaled(EVENTS_PER_DAY))
    write_months(scratch, population, DAYS, scratch / "data")
    write_sources(scratch)
    base_home(scratch, scratch)
    quiet = environment(scratch, **_QUIET)
    runs: dict[str, list[Finished]] = {subject: [] for subject in (*_START_UP, _RUN)}
    for _ in range(REPEATS):
        for subject, code in _START_UP.items():
            command = [ours(), "-c", code]
            runs[subject].append(run(command, quiet, scratch / "start-up.log"))
        runs[_RUN].append(_run_again(scratch))
    return [measurement("nothing new", subject, done) for subject, done in runs.items()]


def _run_again(scratch: Path) -> Finished:
    finished = afterhype_run(scratch, scratch, "again")
    if "Nothing new" not in finished.output:
        raise BenchError(f"something was new:\n{finished.output}")
    return finished
