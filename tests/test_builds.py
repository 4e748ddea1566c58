"""When a build adds to what stands, and when it makes everything anew."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from flows import pipeline, stages
from flows.dbt_process import run_dbt
from flows.errors import TransformError
from flows.sources import ChartFiles
from flows.transform import Dbt
from flows.warehouse import connect
from tests.conftest import Place


def a_run(place: Place) -> stages.Run:
    return stages.begin(place.home, place.sources)


def test_a_build_after_a_finished_one_is_by_arrival(after_a_day: Place) -> None:
    assert stages.build(a_run(after_a_day)).by_arrival


def test_a_broken_build_is_followed_by_a_full_one(after_a_day: Place) -> None:
    after_a_day.export("new.csv", "u00,2026-01-09T08:00:00Z,open,n1")
    run = a_run(after_a_day)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    with connect(run.settings) as con:
        con.execute("alter table outlook.verdicts rename to kept_for_later")
    with pytest.raises(TransformError, match="verdicts"):
        stages.build(run)  # the counts are new by then, the marts are not
    with connect(run.settings) as con:
        con.execute("alter table outlook.kept_for_later rename to verdicts")
    again = stages.build(a_run(after_a_day))
    assert (again.by_arrival, again.reason) == (False, "the last build was not finished")
    assert stages.verify(a_run(after_a_day)).differing_rows == 0
    assert stages.build(a_run(after_a_day)).by_arrival


def test_a_build_leaves_alone_what_no_changed_input_flows_into(after_a_day: Place) -> None:
    plan = stages.begin_build(a_run(after_a_day))
    assert plan.build.changed == ()
    assert stages.build_counts(plan).models == ()
    assert stages.fit_outlook(plan).models == ()
    marts = stages.build_mart_layer(plan).models
    assert [name for name, _ in marts] == ["data_freshness"]  # it shows the ledger
    stages.finish_build(plan)

    after_a_day.export("new.csv", "u00,2026-01-09T08:00:00Z,open,n1")
    run = a_run(after_a_day)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    plan = stages.begin_build(run)
    assert plan.build.changed == ("events",)
    counted = [name for name, _ in stages.build_counts(plan).models]
    assert "int_user_days" in counted
    assert not [name for name in counted if "chart" in name or "review" in name]


def test_the_log_that_a_failed_build_points_to_tells_of_it(after_a_day: Place) -> None:
    run = a_run(after_a_day)
    with connect(run.settings) as con:
        con.execute("drop table raw.store_installs")
    with pytest.raises(TransformError, match="failed; nothing was published") as told:
        stages.build(run, full=True)
    log = Path(str(told.value).rpartition("The whole log: ")[2])
    assert "Catalog Error: Table with name store_installs does not exist" in str(told.value)
    assert "Table with name store_installs does not exist" in log.read_text(encoding="utf-8")


def test_a_change_of_definitions_makes_everything_anew(after_a_day: Place) -> None:
    text = after_a_day.sources.read_text()
    after_a_day.sources.write_text(text.replace("horizon_days: 10", "horizon_days: 3"))
    changed = stages.build(a_run(after_a_day))
    assert (changed.by_arrival, changed.reason) == (False, "the definitions have changed")


def test_dbt_run_by_hand_leaves_nothing_to_add_to(after_a_day: Place) -> None:
    run = a_run(after_a_day)
    dbt = Dbt(settings=run.settings, sources=run.sources)
    assert run_dbt(dbt.request("run", "--select", "int_app_users")).success
    assert stages.build(a_run(after_a_day)).reason == "the last build was not finished"


def test_a_build_by_arrival_touches_only_the_users_concerned(after_a_day: Place) -> None:
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


def chart(day: int, *apps: str) -> str:
    """A capture of the US chart of free apps, as the feed gives it."""
    return json.dumps(
        {
            "feed": {
                "id": "https://example.com/api/v2/us/apps/top-free/9/apps.json",
                "country": "us",
                "updated": f"Tue, {day:02} Jan 2026 10:00:00 +0000",
                "results": [{"id": app, "name": f"App {app}"} for app in apps],
            }
        }
    )


def test_charts_alone_run_no_model_of_events_and_change_what_they_should(place: Place) -> None:
    charts = place.folder / "charts"
    charts.mkdir()
    text = place.sources.read_text(encoding="utf-8").replace(
        "name: Chat}", "name: Chat, store_ids: {apple: '42'}}"
    )
    ranks = "ranks:\n  - {name: captures, uri: charts/*.json, format: apple_rss}\n"
    place.sources.write_text(text + ranks, encoding="utf-8")
    (charts / "06.json").write_text(chart(6, "7", "42"), encoding="utf-8")
    assert pipeline.daily(home=place.home, sources=place.sources).publication

    (charts / "07.json").write_text(chart(7, "42", "7"), encoding="utf-8")
    run = a_run(place)
    (captures,) = run.sources.ranks
    assert isinstance(captures, ChartFiles)
    stages.land_source(run, captures, lambda _done, _all: None)
    plan = stages.begin_build(run)
    assert (plan.build.by_arrival, plan.build.changed) == (True, ("ranks",))
    counted = {name for name, _ in stages.build_counts(plan).models}
    assert "int_tracked_ranks" in counted
    assert not {name for name in counted if "user" in name or "retention" in name}
    assert stages.fit_outlook(plan).models  # the verdict reads the charts
    built = {name for name, _ in stages.build_mart_layer(plan).models}
    assert {"fct_app_ranks_daily", "app_scorecard", "data_freshness"} <= built
    assert not {name for name in built if name.startswith("fct_cohort_retention")}
    stages.finish_build(plan)
    with connect(run.settings, read_only=True) as con:
        best = con.execute("select peak_rank, latest_rank from marts.app_scorecard").fetchall()
    assert best == [(1, 1)]
    assert stages.verify(a_run(place)).differing_rows == 0
