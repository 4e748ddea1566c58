"""Landing one file: afterhype, DuckDB's bare reader, and on fewer rows dlt."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.home import ENDINGS, environment, generate, write_sources
from bench.place import Place, ours, theirs
from bench.population import Population
from bench.process import BenchError, Finished, run
from bench.results import Measurement, measurement

REPEATS = 3

EVENTS_PER_DAY = 10_000
DAYS = {2_000_000: 200, 200_000: 20}
"""How many days make how many rows. dlt loads the fewer ones only: it takes minutes for more."""

DLT_ROWS = 200_000


def measure(place: Place, scratch: Path, kind: str) -> list[Measurement]:
    """Measure one format (ndjson, csv, parquet)."""
    population = Population.of_volume(place.scaled(EVENTS_PER_DAY))
    found: list[Measurement] = []
    for full_rows, days in DAYS.items():
        folder = scratch / f"{days}-days"
        data = folder / "data" / f"events.{ENDINGS[kind]}"
        generate(scratch, population, [(0, days, kind, data)])
        write_sources(folder, kind)
        rows = population.active * population.events * days
        subjects = ["DuckDB, bare", "afterhype"] + ["dlt"] * (full_rows == DLT_ROWS)
        runs: dict[str, list[Finished]] = {subject: [] for subject in subjects}
        for _ in range(REPEATS):
            for subject in subjects:
                runs[subject].append(_land(subject, kind, data, folder, scratch, rows))
        found += [
            measurement(
                f"{rows:,} rows",
                subject,
                runs[subject],
                rows=rows,
                details={"format": kind, "file_bytes": data.stat().st_size},
            )
            for subject in subjects
        ]
    return found


def profile(place: Place, scratch: Path) -> list[Measurement]:
    """Where the time of landing goes, by step, for each format."""
    population = Population.of_volume(place.scaled(EVENTS_PER_DAY))
    days = max(DAYS.values())
    rows = population.active * population.events * days
    found = []
    for kind, ending in ENDINGS.items():
        folder = scratch / kind
        data = folder / "data" / f"events.{ending}"
        generate(scratch, population, [(0, days, kind, data)])
        sources = write_sources(folder, kind)
        home = folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        command = [ours(), "-m", "bench.measured.land_profile", str(home), str(sources)]
        finished = run(command, environment(scratch), scratch / "profile.log")
        if finished.told["rows"] != rows:
            raise BenchError(f"profile of {kind}: {finished.told} of {rows} rows")
        details = {"steps": finished.told["steps"]}
        found.append(measurement(kind, "afterhype", [finished], rows=rows, details=details))
    return found


def _land(subject: str, kind: str, data: Path, folder: Path, scratch: Path, rows: int) -> Finished:
    """Land a file into nothing. Raises BenchError unless all its rows are there."""
    target = folder / "target"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    database = str(target / "events.duckdb")
    command = {
        "afterhype": [
            ours(),
            "-m",
            "bench.measured.land_afterhype",
            str(target),
            str(folder / "sources.yml"),
        ],
        "DuckDB, bare": [ours(), "-m", "bench.measured.land_duckdb", kind, str(data), database],
        "dlt": [theirs(), "-m", "bench.measured.land_dlt", kind, str(data), database],
    }[subject]
    finished = run(command, environment(scratch), scratch / "land.log")
    if finished.told["rows"] != rows:
        raise BenchError(f"{subject}: {finished.told} of {rows} rows of {data}")
    return finished
