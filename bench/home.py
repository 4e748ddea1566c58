"""Homes, sources files and data for the benchmarks, and the environment their processes run in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from bench.place import ours
from bench.population import Population
from bench.process import BenchError, Finished, run

ENDINGS = {"ndjson": "ndjson.gz", "csv": "csv.gz", "parquet": "parquet"}
"""How the files of a format end; those of text are gzipped."""

_OTHERS = ("AFTERHYPE_", "PREFECT_", "DBT_", "DLT_", "BENCH_")

_SOURCES = """\
{land}timezone: UTC
horizon_days: 90
apps:
  - {{app_id: bench, name: Bench (generated), simulated: true}}
events:
  - name: bench_events
    app_id: bench
    uri: data/*.{ending}
    format: custom
    reader: {{type: {kind}}}
    columns:
      user_id: user_id
      event_time: event_time
      event_name: event_name
      event_id: event_id
      platform: platform
      country: country
      app_version: app_version
      channel: channel
"""


def environment(scratch: Path, **more: str) -> dict[str, str]:
    """This process's environment without settings of the tools, so that defaults are measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return (
        kept
        | {
            "AFTERHYPE_USER_KEY": "a key for benchmarks only, pinned so that runs are the same",
            "PREFECT_HOME": str(scratch / "prefect"),
            "DLT_DATA_DIR": str(scratch / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DO_NOT_TRACK": "1",
            "TZ": "UTC",
        }
        | more
    )


def write_sources(folder: Path, kind: str = "parquet", lake: Path | None = None) -> Path:
    """Write the sources file of a folder, whose files of events lie in ``folder/data``.

    With ``lake`` they land there as Parquet, not in the warehouse.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sources.yml"
    land = f"land: {{to: lake, path: {lake}}}\n" if lake else ""
    text = _SOURCES.format(kind=kind, ending=ENDINGS[kind], land=land)
    path.write_text(text, encoding="utf-8")
    return path


def generate(
    scratch: Path, population: Population, files: Iterable[tuple[int, int, str, Path]]
) -> None:
    """Write files of (first day, last day exclusive, format, path), where they lack."""
    request = {
        "population": asdict(population),
        "temp": str(scratch / "tmp"),
        "files": [(*days, kind, str(path)) for *days, kind, path in files],
    }
    command = [ours(), "-m", "bench.measured.generate", json.dumps(request)]
    run(command, environment(scratch), scratch / "generate.log")


def months(first_day: int, last_day: int, length: int = 30) -> list[tuple[int, int]]:
    """Cut days into stretches of ``length`` days: (first day, last day exclusive)."""
    starts = range(first_day, last_day, length)
    return [(start, min(start + length, last_day)) for start in starts]


def write_months(scratch: Path, population: Population, days: int, folder: Path) -> None:
    """Write ``days`` days as Parquet, one file for every 30 of them."""
    generate(
        scratch,
        population,
        [
            (first, last, "parquet", folder / f"days-{first:04}-{last:04}.parquet")
            for first, last in months(0, days)
        ],
    )


def afterhype_run(scratch: Path, folder: Path, log: str) -> Finished:
    """One whole `afterhype run` on ``folder/home`` and the sources file beside it."""
    command = [
        str(Path(ours()).with_name("afterhype")),
        "run",
        "--home",
        str(folder / "home"),
        "--sources",
        str(folder / "sources.yml"),
    ]
    return run(command, environment(scratch), scratch / f"{log}.log")


def facts(scratch: Path, home: Path) -> dict[str, int]:
    """What a home holds (see bench.measured.inspect_home). Raises BenchError on held extracts."""
    command = [ours(), "-m", "bench.measured.inspect_home", str(home)]
    told = run(command, environment(scratch), scratch / "inspect.log").told
    if told["not_landed"]:
        raise BenchError(f"{home}: {told['not_landed']} extracts have not landed")
    return told


def base_home(scratch: Path, folder: Path) -> float:
    """Land and publish what lies in ``folder/data`` by one run; its seconds, also if made before.

    A run that was broken off is begun anew.
    """
    marker = folder / "base.json"
    if not marker.exists():
        shutil.rmtree(folder / "home", ignore_errors=True)
        finished = afterhype_run(scratch, folder, f"base-{folder.name}")
        marker.write_text(json.dumps({"seconds": finished.seconds}), encoding="utf-8")
    return float(json.loads(marker.read_text(encoding="utf-8"))["seconds"])
