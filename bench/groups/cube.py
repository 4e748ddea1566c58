"""The retention cube (cohort date by day n, 0 to 90) from raw events, by several tools."""

from __future__ import annotations

from pathlib import Path

from bench.groups.full_build import DAYS
from bench.home import environment, write_months
from bench.place import Place, ours, theirs
from bench.population import Population
from bench.process import Finished, run
from bench.results import Measurement, measurement

EVENTS = 10_000_000

REPEATS = 3

_OURS = ("cube_afterhype", "cube_self_join")

SUBJECTS = {
    "afterhype's way (DuckDB)": "cube_afterhype",
    "self-join (DuckDB)": "cube_self_join",
    "polars": "cube_polars",
    "pandas": "cube_pandas",
    "arrays (ClickHouse)": "cube_clickhouse",
    "retention() (ClickHouse)": "cube_clickhouse_retention",
}


def measure(place: Place, scratch: Path) -> list[Measurement]:
    """Let every tool make the cube, and compare the cubes before anything is told."""
    population = Population.of_volume(place.scaled(EVENTS) // DAYS)
    rows = population.active * population.events * DAYS
    write_months(scratch, population, DAYS, scratch / "data")
    runs: dict[str, list[Finished]] = {subject: [] for subject in SUBJECTS}
    cubes = {subject: scratch / f"{module}.csv" for subject, module in SUBJECTS.items()}
    for _ in range(REPEATS):
        for subject, module in SUBJECTS.items():
            cubes[subject].unlink(missing_ok=True)
            interpreter = ours() if module in _OURS else theirs()
            command = [interpreter, "-m", f"bench.measured.{module}"]
            command += [str(scratch / "data" / "*.parquet"), str(cubes[subject])]
            runs[subject].append(run(command, environment(scratch), scratch / f"{module}.log"))
        compare = [ours(), "-m", "bench.measured.same_cubes", *map(str, cubes.values())]
        same = run(compare, environment(scratch), scratch / "same.log").told
    return [
        measurement(f"{rows:,} events", subject, done, rows=rows, details=same)
        for subject, done in runs.items()
    ]
