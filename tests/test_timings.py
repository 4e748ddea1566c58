"""What runs record of their own time, and how it is shown."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import duckdb
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.settings import Settings
from flows.timings import RUNS_KEPT, StepTime, latest_times, record_times
from flows.warehouse import connect, create_schemas
from tests.conftest import Place

NOON = datetime(2026, 1, 1, 12)


def steps(run: int, *seconds: float) -> list[StepTime]:
    began = NOON + timedelta(hours=run)
    return [
        StepTime(step=f"step {n}", started_at=began, seconds=spent, cpu_seconds=spent / 2)
        for n, spent in enumerate(seconds)
    ]


def test_the_last_runs_are_kept_each_with_its_steps_in_order() -> None:
    with duckdb.connect() as con:
        create_schemas(con)
        assert latest_times(con) == []
        for run in range(RUNS_KEPT + 5):
            record_times(con, f"run-{run}", steps(run, 3.0, 1.0))
        kept = con.execute("select count(distinct run_id) from ops.run_steps").fetchone()
        assert kept == (RUNS_KEPT,)
        newest = latest_times(con, runs=2)
        assert [(step.run_id, step.step) for step in newest] == [
            (f"run-{RUNS_KEPT + 4}", "step 0"),
            (f"run-{RUNS_KEPT + 4}", "step 1"),
            (f"run-{RUNS_KEPT + 3}", "step 0"),
            (f"run-{RUNS_KEPT + 3}", "step 1"),
        ]
        assert [step.seconds for step in newest[:2]] == [3.0, 1.0]


def test_a_run_records_each_of_its_steps(first_run: Place) -> None:
    with connect(Settings(home=first_run.home), read_only=True) as con:
        recorded = latest_times(con)
    assert [step.step for step in recorded][:2] == ["land chat_events", "judge new extracts"]
    assert all(step.seconds > 0 and step.cpu_seconds > 0 for step in recorded)
    by_step = {step.step: step for step in recorded}
    # dbt's process is in it: this one does next to nothing while dbt counts
    assert by_step["build the counts"].cpu_seconds > 0.5


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_status_shows_where_the_time_went(first_run: Place, options: list[str]) -> None:
    command = ["status", "--timings", "--home", str(first_run.home), *options]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    if options:
        assert {"run_id", "step", "seconds", "cpu_seconds"} <= set(json.loads(shown.output)[0])
    else:
        assert "publish marts" in shown.output
        assert "all steps" in shown.output
