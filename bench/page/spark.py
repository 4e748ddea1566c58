"""Write docs/spark-benchmarks.md: times by engine and volume, what a worker adds, the crossover."""

from __future__ import annotations

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


@dataclass(frozen=True, kw_only=True)
class Line:
    """Seconds of a build as a line through the two volumes."""

    fixed: float
    per_million: float

    def at(self, millions: float) -> float:
        return self.fixed + self.per_million * millions


def write_spark_page(place: Place, groups: Groups) -> Path:
    """Write the page; what was not measured is called so."""
    path = place.page.with_name("spark-benchmarks.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = (_opening(place, groups), _times(groups), _workers(groups), _crossover(groups))
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def line_of(groups: Groups, engine: str) -> Line | None:
    """The line of an engine, by the name of its group; None unless both volumes were measured."""
    found = [one for volume in VOLUMES if (one := _found(groups, volume, engine))]
    if len(found) < 2:
        return None
    small, large = found
    millions = [(one.rows or 0) / 1e6 for one in (small, large)]
    slope = (large.median_seconds - small.median_seconds) / (millions[1] - millions[0])
    return Line(fixed=large.median_seconds - slope * millions[1], per_million=slope)


def workers_to_match(duckdb: Line, one: Line, two: Line) -> float | None:
    """With how many such workers a million more events takes Spark as long as DuckDB.

    What the second worker saved of the first one's time per million is taken for the half of the
    part that workers share; the rest stays, however many there are (Amdahl). None if the rest alone
    is more than DuckDB takes.
    """
    shared = 2 * (one.per_million - two.per_million)
    rest = max(0.0, one.per_million - shared)
    if shared <= 0 or rest >= duckdb.per_million:
        return None
    return shared / (duckdb.per_million - rest)


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
    lines = {name: line_of(groups, name) for name in ENGINES}
    duckdb, one, two = (lines[name] for name in ("duckdb", "1-worker", "2-workers"))
    head = "## Where Spark becomes the faster one"
    if duckdb is None or one is None or two is None:
        return f"""\
{head}

{_NOT_MEASURED.capitalize()}: it takes two volumes on DuckDB, one worker and two."""
    rows = [
        [engine.name, seconds(line.fixed), f"{line.per_million:.2f}", *_far(line)]
        for name, engine in ENGINES.items()
        if (line := lines[name])
    ]
    header = ["engine", "fixed, s", "s per million more", "100 M, s", "1,000 M, s"]
    return f"""\
{head}

**Measured**: {_faster(groups)}. **Extrapolated** from here on: a line through the two volumes, as
if nothing broke on the way: a disk, a limit, a skewed key.

{table(header, rows)}

{_matching(workers_to_match(duckdb, one, two))}"""


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


def _matching(workers: float | None) -> str:
    if workers is None:
        return """\
By these lines no number of such workers makes a million more events cheaper than DuckDB does on two
cores: what the second worker did not shorten is by itself more. With measurements this small, that
rest is the driver's work per task and table; it needs volumes that keep executors busy to tell."""
    return f"""\
By these lines, if the part that the second worker halved goes on shrinking with each worker and the
rest stays, about {workers:.0f} one-core workers take as long for a million more events as DuckDB
does on two cores. Two points carry that number: it tells a magnitude."""
