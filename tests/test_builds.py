"""When a build adds to what stands, and when it makes everything anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import stages
from flows.errors import TransformError
from flows.settings import PROJECT_ROOT
from flows.warehouse import connect


def a_run(place: Any) -> stages.Run:
    return stages.begin(place.home, place.sources)


def test_a_build_after_a_finished_one_is_by_arrival(after_a_day: Any) -> None:
    assert stages.build(a_run(after_a_day)).by_arrival


def test_a_broken_build_is_followed_by_a_full_one(after_a_day: Any) -> None:
    def broken(_arguments: list[str]) -> Any:
        raise TransformError("killed half way")

    with pytest.raises(TransformError):
        stages.build(a_run(after_a_day), broken)
    again = stages.build(a_run(after_a_day))
    assert (again.by_arrival, again.reason) == (False, "the last build was not finished")
    assert stages.build(a_run(after_a_day)).by_arrival


def test_the_log_that_a_failed_build_points_to_tells_of_it(after_a_day: Any) -> None:
    run = a_run(after_a_day)
    with connect(run.settings) as con:
        con.execute("drop table raw.launch_notes")
    with pytest.raises(TransformError, match="failed; nothing was published") as told:
        stages.build(run)
    log = Path(str(told.value).rpartition("The whole log: ")[2])
    assert "Catalog Error: Table with name launch_notes does not exist" in str(told.value)
    assert "Table with name launch_notes does not exist" in log.read_text(encoding="utf-8")


def test_a_change_of_definitions_makes_everything_anew(after_a_day: Any) -> None:
    text = after_a_day.sources.read_text()
    after_a_day.sources.write_text(text.replace("horizon_days: 10", "horizon_days: 3"))
    changed = stages.build(a_run(after_a_day))
    assert (changed.by_arrival, changed.reason) == (False, "the definitions have changed")


def test_dbt_run_by_hand_leaves_nothing_to_add_to(
    after_a_day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbt.cli.main import dbtRunner

    monkeypatch.setitem(
        os.environ, "AFTERHYPE_WAREHOUSE", str(after_a_day.home / "warehouse.duckdb")
    )
    by_hand = dbtRunner().invoke(
        [
            *("run", "--select", "int_app_users", "--log-level", "none"),
            *("--project-dir", str(PROJECT_ROOT / "dbt_project")),
            *("--profiles-dir", str(PROJECT_ROOT / "profiles")),
            *("--target-path", str(after_a_day.home / "target")),
            *("--log-path", str(after_a_day.home / "logs")),
        ]
    )
    assert by_hand.success
    assert stages.build(a_run(after_a_day)).reason == "the last build was not finished"


def test_a_build_by_arrival_touches_only_the_users_concerned(after_a_day: Any) -> None:
    after_a_day.export("new.csv", "u00,2026-01-09T08:00:00Z,open,n1")
    run = a_run(after_a_day)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    stages.build(run)
    with duckdb.connect(str(after_a_day.home / "warehouse.duckdb"), read_only=True) as con:
        versions = con.execute(
            "select version, count(*) from intermediate.int_user_cohorts group by all order by all"
        ).fetchall()
        visits = con.execute("select count(*) from intermediate.int_user_visits").fetchone()
    assert versions == [(-1, 1), (1, 1)]
    assert visits == (3 + 4,)  # before: three days; now: four
