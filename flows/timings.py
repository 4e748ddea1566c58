"""Keep how long the steps of each run took, and on how much CPU, for whoever asks where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

RUNS_KEPT = 100
"""How many runs' steps the warehouse keeps."""


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """One step of a run: when it began (naive UTC), wall and CPU seconds.

    CPU is that of the run's own process and of dbt's; work that went on beside a step, such as an
    import, counts with the step in which it ended.
    """

    step: str
    started_at: datetime
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class RunStep(StepTime):
    """A step, and the run that it belongs to."""

    run_id: str


def record_times(con: duckdb.DuckDBPyConnection, run_id: str, times: Sequence[StepTime]) -> None:
    """Write a run's steps to ops.run_steps, and forget runs that are long past."""
    con.begin()
    con.executemany(
        "insert into ops.run_steps values (?, ?, ?, ?, ?, ?)",
        [
            (run_id, number, time.step, time.started_at, time.seconds, time.cpu_seconds)
            for number, time in enumerate(times)
        ],
    )
    con.execute(
        """
        delete from ops.run_steps where run_id not in (
            select run_id from ops.run_steps
            group by run_id order by max(started_at) desc limit ?
        )
        """,
        [RUNS_KEPT],
    )
    con.commit()


def latest_times(con: duckdb.DuckDBPyConnection, runs: int = 1) -> list[RunStep]:
    """The steps of the last ``runs`` runs, the newest run first, each in its order.

    None where no run has recorded any, as in a home of an older version.
    """
    if not con.execute(
        "select 1 from duckdb_tables() where schema_name = 'ops' and table_name = 'run_steps'"
    ).fetchone():
        return []
    rows = con.execute(
        """
        with

        latest as (
            select run_id, max(started_at) as ended_at
            from ops.run_steps
            group by run_id
            order by ended_at desc
            limit ?
        )

        select run_id, step, started_at, seconds, cpu_seconds
        from ops.run_steps
        inner join latest using (run_id)
        order by ended_at desc, run_id, step_number
        """,
        [runs],
    ).fetchall()
    names = ("run_id", "step", "started_at", "seconds", "cpu_seconds")
    return [RunStep(**dict(zip(names, row, strict=True))) for row in rows]
