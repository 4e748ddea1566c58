"""Write docs/spark-benchmarks.md: times by engine and volume, what a worker adds, the crossover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.groups.full_build import MEMORY_LIMIT
from bench.groups.spark import (
    ENGINES,
    LAKE_DUCKDB,
    LOCAL_MEMORY,
    ONE_WORKER,
    SHUFFLE_PARTITIONS,
    TWO_WORKERS,
    VOLUMES,
    WORKER_MEMORY,
)
from bench.page.words import seconds, size, table, times
from bench.place import Place
from bench.results import Group, Measurement

Groups = dict[str, Group]

_NOT_MEASURED = "not measured"


CLUSTERS = (2, 4, 8, 16, 32, 64)
"""The numbers of one-core workers for which the page tells what is to be expected."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Seconds of a build as a line through the two volumes."""

    fixed: float
    per_million: float

    def at(self, millions: float) -> float:
        return self.fixed + self.per_million * millions


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What a million more events takes on a cluster, in seconds: ``shared`` is divided by the cores
    of its executors, ``rest`` is not, nor is ``fixed``, which a build of no events takes (Amdahl).
    """

    fixed: float
    shared: float
    rest: float

    def line(self, cores: int) -> Line:
        return Line(fixed=self.fixed, per_million=self.shared / cores + self.rest)


def write_spark_page(place: Place, groups: Groups) -> Path:
    """Write the page; what was not measured is called so."""
    path = place.page.with_name("spark-benchmarks.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = (_opening(place, groups), _times(groups), _workers(groups), _crossover(groups))
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def line_of(groups: Groups, engine: str) -> Line | None:
    """The line of an engine, by the name of its group; None unless both volumes were measured."""
    found = _both(groups, engine)
    return _line([(one.rows, one.median_seconds) for one in found]) if found else None


def spread_of(groups: Groups) -> Spread | None:
    """What two workers' event logs tell; None unless both volumes were measured.

    What its executors were busy with is what a cluster shares; the rest of the build's time is not
    shared, however many workers there are.
    """
    found = _both(groups, "2-workers")
    if not found:
        return None
    wall = _line([(one.rows, one.median_seconds) for one in found])
    busy = _line([(one.rows, one.details["busy_core_seconds"]) for one in found])
    rest = wall.per_million - busy.per_million / TWO_WORKERS.cores
    return Spread(fixed=wall.fixed, shared=busy.per_million, rest=max(0.0, rest))


def crossover(duckdb: Line, cluster: Line) -> float | None:
    """From how many million events on the cluster is the faster one; None if it never is."""
    gained = duckdb.per_million - cluster.per_million
    return max(0.0, cluster.fixed - duckdb.fixed) / gained if gained > 0 else None


def _both(groups: Groups, engine: str) -> list[Measurement] | None:
    found = [one for volume in VOLUMES if (one := _found(groups, volume, engine))]
    return found if len(found) == len(VOLUMES) else None


def _line(points: Sequence[tuple[int | None, float]]) -> Line:
    (small, of_small), (large, of_large) = (((rows or 0) / 1e6, told) for rows, told in points)
    slope = (of_large - of_small) / (large - small)
    return Line(fixed=of_large - slope * large, per_million=slope)


def differing_volumes(groups: Groups) -> list[str]:
    """The volumes at which not all engines gave the same digest of the marts."""
    return [
        volume
        for volume in VOLUMES
        if len({str(one.details["digest"]) for one in _of_volume(groups, volume).values()}) > 1
    ]


def _of_volume(groups: Groups, volume: str) -> dict[str, Measurement]:
    return {name: one for name in ENGINES if (one := _found(groups, volume, name))}


def _found(groups: Groups, volume: str, engine: str) -> Measurement | None:
    group = groups.get(f"{volume}/{engine}")
    return group.measurements[0] if group else None


def _opening(place: Place, groups: Groups) -> str:
    machines = list({str(group.machine): group.machine for group in groups.values()}.values())
    told = "\n".join(
        "- " + ", ".join(f"{name} {value}" for name, value in machine.items())
        for machine in machines
    )
    versions = sorted(
        {
            f"{package} {version}"
            for group in groups.values()
            for package, version in group.measurements[0].details["versions"].items()
        }
    )
    days = sorted({f"{group.measured_at:%Y-%m-%d}" for group in groups.values()})
    loads = [group.load for group in groups.values()]
    scale = "" if place.scale == 1 else f"\n\n**A trial at scale {place.scale:g}: no result.**"
    return f"""\
# Building on Spark, measured

Written by `make bench-spark`; do not edit.{scale}

{told}
- {", ".join(versions)}
- measured {", ".join(days)}, once each; load average at the start {min(loads):.1f} to \
{max(loads):.1f}

The events are those of docs/benchmarks.md: a stationary population over 400 days, four events per
user and day, made without chance. They land in a lake (a folder) once; every engine then makes
every mart anew from those files, runs the data tests that go with a build, and the marts come home
to the same DuckDB file. Seconds are those of that whole process, dbt's parsing included; of local
Spark also the start of its session, of a cluster not the start of its server. The marts were
compared by a digest of the daily triangle.

DuckDB has {LAKE_DUCKDB.cores} threads and a limit of {MEMORY_LIMIT}. Local Spark is `local[2]` with
a heap of {LOCAL_MEMORY}. A worker has one core and {WORKER_MEMORY}; master, workers and Thrift
server run on the same machine and share its {LAKE_DUCKDB.cores} cores, so that with two workers
nothing is left for the driver and for dbt. Spark cuts shuffles into {SHUFFLE_PARTITIONS} parts
instead of 200."""


def _times(groups: Groups) -> str:
    rows = []
    for volume, events in VOLUMES.items():
        base = _found(groups, volume, "duckdb")
        for name, engine in ENGINES.items():
            one = _found(groups, volume, name)
            if one is None:
                rows.append([f"{events:,}", engine.name, _NOT_MEASURED, "–", "–", "–"])
                continue
            busy = one.details.get("busy_core_seconds")
            rows.append(
                [
                    f"{one.rows:,}",
                    engine.name,
                    seconds(one.median_seconds),
                    times(one.median_seconds / base.median_seconds) if base else "–",
                    f"{one.details['tasks']:,}" if "tasks" in one.details else "–",
                    seconds(busy) if busy is not None else "–",
                ]
            )
    header = ["events", "engine", "seconds", "of DuckDB", "tasks", "executors busy, core-seconds"]
    return f"""\
## The build

{table(header, rows)}

{_landed(groups)}{_same(groups)}"""


def _landed(groups: Groups) -> str:
    found = {
        one.rows: one.details for volume in VOLUMES for one in _of_volume(groups, volume).values()
    }
    parts = [
        f"{rows:,} events of {told['users']:,} users in {seconds(told['landing_seconds'])} s "
        f"({size(told['lake_bytes'])} of Parquet, "
        f"{told['lake_bytes'] / (rows or 1):.0f} bytes per event)"
        for rows, told in found.items()
    ]
    return f"Landing in the lake, by DuckDB for all of them: {'; '.join(parts)}."


def _same(groups: Groups) -> str:
    if differing := differing_volumes(groups):
        return f" **The marts differ between engines at {', '.join(differing)}.**"
    return " All engines that were measured on the same events gave the same digest."


def _workers(groups: Groups) -> str:
    rows = []
    for volume, events in VOLUMES.items():
        one, two = (_found(groups, volume, name) for name in ("1-worker", "2-workers"))
        if not one or not two:
            rows.append([f"{events:,}", _NOT_MEASURED, "–", "–", "–"])
            continue
        saved = one.median_seconds - two.median_seconds
        more = TWO_WORKERS.cores * two.median_seconds - ONE_WORKER.cores * one.median_seconds
        rows.append(
            [
                f"{one.rows:,}",
                seconds(one.median_seconds),
                seconds(two.median_seconds),
                f"{saved:,.0f} ({100 * saved / one.median_seconds:.0f} %)",
                f"{more:+,.0f}",
            ]
        )
    header = ["events", "one worker", "two", "seconds saved", "worker core-seconds, more"]
    return f"""\
## What the second worker costs and brings

A worker is paid for while the build lasts, whether it has work or not: the last column is twice the
seconds of two workers less those of one. The driver and the machine of dbt come on top, unchanged.

{table(header, rows)}"""


def _crossover(groups: Groups) -> str:
    duckdb, spread = line_of(groups, "duckdb"), spread_of(groups)
    head = "## Where Spark becomes the faster one"
    if duckdb is None or spread is None:
        return f"""\
{head}

{_NOT_MEASURED.capitalize()}: it takes both volumes, on DuckDB and on two workers."""
    lines = [
        [engine.name, seconds(line.fixed), f"{line.per_million:.2f}", *_far(line)]
        for name, engine in ENGINES.items()
        if (line := line_of(groups, name))
    ]
    expected = [
        [
            str(cores),
            f"{line.per_million:.2f}",
            *_far(line),
            _hours(cores * line.at(1000)),
            f"{from_here:,.0f} M"
            if (from_here := crossover(duckdb, line)) is not None
            else "never",
        ]
        for cores in CLUSTERS
        for line in [spread.line(cores)]
    ]
    measured = ["engine", "fixed, s", "s per million more", "100 M, s", "1,000 M, s"]
    header = ["workers", *measured[2:], "worker core-hours, 1,000 M", "faster than DuckDB from"]
    return f"""\
{head}

**Measured**: {_faster(groups)}.

**Extrapolated** from here on: lines through the two volumes, as if nothing broke on the way: a
disk, a limit, a skewed key.

{table(measured, lines)}

Of the two workers' seconds per million more, their event logs say what executors were busy with:
{spread.shared:.1f} core-seconds, which more workers share; {spread.rest:.1f} s were not shared.
DuckDB spends {LAKE_DUCKDB.cores * duckdb.per_million:.1f} core-seconds if its {LAKE_DUCKDB.cores}
cores are busy all the time. Clusters of more such workers are therefore to be expected at these
figures, and faster than that DuckDB from these volumes:

{table(header, expected)}

Two points carry every line, and an executor that waits for a core of this machine counts as busy,
which one with a core of its own would not: the table tells magnitudes."""


def _faster(groups: Groups) -> str:
    found = [
        f"{ENGINES[name].name} was at {volume}"
        for volume in VOLUMES
        if (base := _found(groups, volume, "duckdb"))
        for name, one in _of_volume(groups, volume).items()
        if one.median_seconds < base.median_seconds
    ]
    return "; ".join(found) or "at no volume above; DuckDB was the fastest everywhere"


def _far(line: Line) -> list[str]:
    return [seconds(max(0.0, line.at(millions))) for millions in (100, 1000)]


def _hours(of_seconds: float) -> str:
    return f"{of_seconds / 3600:.1f}"
