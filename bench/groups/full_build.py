"""A full build: land everything from Parquet, then make every mart, with 4 GB for DuckDB."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.home import environment, facts, write_months, write_sources
from bench.place import Place, ours
from bench.population import Population
from bench.process import BenchError, run
from bench.results import Measurement, measurement

DAYS = 400

MEMORY_LIMIT = "4GB"


def measure(place: Place, scratch: Path, events: int) -> list[Measurement]:
    """Land and build ``events`` events of 400 days, once."""
    population = Population.of_volume(place.scaled(events) // DAYS)
    rows = population.active * population.events * DAYS
    write_months(scratch, population, DAYS, scratch / "data")
    sources, home = write_sources(scratch), scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    limited = environment(scratch, AFTERHYPE_MEMORY_LIMIT=MEMORY_LIMIT)
    landed, built = (
        run(
            [ours(), "-m", f"bench.measured.{part}", str(home), str(sources)],
            limited,
            scratch / f"{part}.log",
        )
        for part in ("build_land", "build_marts")
    )
    if landed.told["rows"] != rows or landed.told["failed"]:
        raise BenchError(f"landed {landed.told} of {rows} rows")
    held = facts(scratch, home)
    parquet_bytes = sum(file.stat().st_size for file in (scratch / "data").iterdir())
    details = {
        "memory_limit": MEMORY_LIMIT,
        "users": held["users"],
        "warehouse_bytes": held["warehouse_bytes"],
        "parquet_bytes": parquet_bytes,
    }
    case = f"{rows:,} events"
    return [
        measurement(case, "landing", [landed], rows=rows, details=details),
        measurement(case, "build", [built], rows=rows, details=details),
    ]
