"""The same events in a lake, built by DuckDB, by local Spark, and by clusters of one worker or two.

Every engine makes every mart anew and brings it into the same DuckDB file, which a digest compares.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb

from bench.groups.full_build import DAYS, MEMORY_LIMIT
from bench.home import environment, facts, write_months, write_sources
from bench.place import Place, ours
from bench.population import Population
from bench.process import BenchError, Finished, run
from bench.results import Measurement, measurement
from bench.standalone_cluster import HOST, Size, running

VOLUMES = {"10m": 10_000_000, "50m": 50_000_000}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What builds: ``workers`` None is no cluster; ``cores`` are those it may use in all."""

    name: str
    cores: int
    workers: int | None = None
    settings: Mapping[str, str]


WORKER_MEMORY = "3g"

LOCAL_MEMORY = "4g"

SHUFFLE_PARTITIONS = 8
"""Of every engine of Spark, instead of 200, which cost more than they bring at these volumes."""

_SESSION = {"spark.sql.shuffle.partitions": str(SHUFFLE_PARTITIONS)}

LAKE_DUCKDB = Engine(name="DuckDB", cores=2, settings={"AFTERHYPE_BUILD_ON": "duckdb"})

LOCAL_SPARK = Engine(
    name="Spark, local[2]",
    cores=2,
    settings={
        "AFTERHYPE_BUILD_ON": "spark_session",
        "AFTERHYPE_SPARK_MASTER": "local[2]",
        "AFTERHYPE_SPARK_SETTINGS": json.dumps(_SESSION | {"spark.driver.memory": LOCAL_MEMORY}),
    },
)

_THRIFT = {
    "AFTERHYPE_BUILD_ON": "spark_thrift",
    "AFTERHYPE_SPARK_HOST": HOST,
    "AFTERHYPE_SPARK_SETTINGS": json.dumps(_SESSION),
}

ONE_WORKER = Engine(name="Spark, 1 worker", cores=1, workers=1, settings=_THRIFT)

TWO_WORKERS = Engine(name="Spark, 2 workers", cores=2, workers=2, settings=_THRIFT)

ENGINES = {
    "duckdb": LAKE_DUCKDB,
    "local": LOCAL_SPARK,
    "1-worker": ONE_WORKER,
    "2-workers": TWO_WORKERS,
}
"""Every engine by the name of its group, in the order in which they are measured."""

_DIGEST = """
    select count(*), sum(cohort_users), sum(eligible_users), sum(retained_users),
        sum(returned_users), sum(retained_users_24h)
    from marts.fct_cohort_retention_daily
"""


def measure(place: Place, scratch: Path, events: int, engine: Engine) -> list[Measurement]:
    """Build every mart of ``events`` events of 400 days once; they land if they have not before."""
    population = Population.of_volume(max(1, place.scaled(events) // DAYS))
    rows = population.active * population.events * DAYS
    case = f"{rows:,} events"
    landed = _land(scratch, population, rows)
    home = scratch / f"home-{engine.name.replace(' ', '-')}"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(scratch / "home", home)
    built, used = _build(scratch, home, engine)
    versions = {name: version(name) for name in ("pyspark", "dbt-spark")}
    told = {"cores": engine.cores, "digest": _digest(home), "versions": versions}
    details = used | told | landed
    shutil.rmtree(home)
    return [measurement(case, engine.name, [built], rows=rows, details=details)]


def _land(scratch: Path, population: Population, rows: int) -> dict[str, float]:
    """Land everything in a lake, once for all engines; seconds and sizes, also if made before."""
    marker, lake = scratch / "landed.json", scratch / "lake"
    if not marker.exists():
        for leftover in (scratch / "home", lake):
            shutil.rmtree(leftover, ignore_errors=True)
        write_months(scratch, population, DAYS, scratch / "data")
        sources = write_sources(scratch, lake=lake)
        command = [ours(), "-m", "bench.measured.build_land", str(scratch / "home"), str(sources)]
        limited = environment(scratch, AFTERHYPE_MEMORY_LIMIT=MEMORY_LIMIT)
        landed = run(command, limited, scratch / "land.log")
        if landed.told["rows"] != rows or landed.told["failed"]:
            raise BenchError(f"landed {landed.told} of {rows} rows")
        told = {
            "landing_seconds": round(landed.seconds, 2),
            "lake_bytes": sum(file.stat().st_size for file in lake.rglob("*.parquet")),
            "users": facts(scratch, scratch / "home")["users"],
        }
        marker.write_text(json.dumps(told), encoding="utf-8")
    kept: dict[str, float] = json.loads(marker.read_text(encoding="utf-8"))
    return kept


def _build(scratch: Path, home: Path, engine: Engine) -> tuple[Finished, dict[str, float]]:
    """The build's process; of a cluster also its tasks, and how long its executors were busy."""
    command = [ours(), "-m", "bench.measured.build_marts", str(home), str(scratch / "sources.yml")]
    log = scratch / f"{home.name}.log"
    settings = environment(scratch, AFTERHYPE_MEMORY_LIMIT=MEMORY_LIMIT, **engine.settings)
    if engine.workers is None:
        return run(command, settings, log), {}
    folder = scratch / "cluster"
    shutil.rmtree(folder, ignore_errors=True)
    size = Size(
        workers=engine.workers,
        cores=engine.cores // engine.workers,
        worker_memory=WORKER_MEMORY,
        executor_memory=WORKER_MEMORY,
    )
    with running(folder, "thrift", size, {}) as cluster:
        settings["AFTERHYPE_SPARK_PORT"] = str(cluster.port)
        built = run(command, settings, log)
    tasks = cluster.tasks()
    busy = {"tasks": len(tasks), "busy_core_seconds": round(sum(task.busy for task in tasks), 1)}
    shutil.rmtree(folder)
    return built, busy


def _digest(home: Path) -> list[str]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        return [str(number) for number in con.execute(_DIGEST).fetchall()[0]]
