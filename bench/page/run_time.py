"""Write docs/run-time.md: where a run's time goes, from what the runs have recorded."""

from __future__ import annotations

from pathlib import Path

from bench.page.words import seconds, table
from bench.place import Place
from bench.results import Group, Measurement


def write_run_time_page(place: Place, group: Group) -> Path:
    """Write the page beside that of the benchmarks."""
    path = place.page.with_name("run-time.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = "" if place.scale == 1 else f"\n\n**A trial at scale {place.scale:g}: no result.**"
    machine = ", ".join(f"{name} {value}" for name, value in group.machine.items())
    parts = [
        f"""\
# Where a run's time goes

Written by `make bench`; do not edit. Measured {group.measured_at:%Y-%m-%d} on {machine}; load
average at the start {group.load:.1f}.{scale}

What runs record of themselves in `ops.run_steps` (`afterhype status --timings` shows it), one run
each. CPU seconds are those of the run's process and of dbt's; what goes on beside a step, such as
an import, counts with the step in which it ends. *The rest* is the start of the interpreter,
imports, the writing of the summary, and of the demo the generation of its extracts and Prefect's
server.""",
        *(_section(one) for one in group.measurements),
    ]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _section(one: Measurement) -> str:
    steps = [(name, float(wall), float(cpu)) for name, wall, cpu in one.details["steps"]]
    (whole,) = one.seconds
    whole_cpu = one.details["cpu_seconds"]
    rest = whole - sum(wall for _, wall, _ in steps)
    rest_cpu = whole_cpu - sum(cpu for *_, cpu in steps)
    rows = [*steps, ("the rest", rest, rest_cpu), ("**the whole process**", whole, whole_cpu)]
    cells = [[name, seconds(wall), seconds(cpu)] for name, wall, cpu in rows]
    return f"""\
## {one.subject[0].upper()}{one.subject[1:]}

{one.rows or 0:,} events in the warehouse.

{table(["step", "seconds", "CPU seconds"], cells)}"""
