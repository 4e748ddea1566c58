"""Verification: agreement, a tampered cell in the warehouse or the published file, stale marts."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest

from flows import pipeline, stages
from flows.errors import AfterhypeError, MartsDiffer
from flows.marts import GRAIN, SETTLED
from flows.verify import Verification, verify
from tests.conftest import Place


def verified(place: Place) -> Verification:
    return stages.verify(stages.begin(place.home, place.sources))


def test_marts_agree_with_a_rebuild_and_nothing_is_left_behind(first_run: Place) -> None:
    verification = verified(first_run)
    assert verification.differing_rows == 0
    with duckdb.connect(str(first_run.home / "warehouse.duckdb"), read_only=True) as con:
        rows = con.execute("select count(*) from marts.fct_cohort_retention_daily").fetchone()
    assert rows is not None
    assert verification.cells > 2 * 16 * rows[0]  # the warehouse's and the published ones
    assert not (first_run.home / "verify").exists()


def test_a_tampered_cell_is_named(after_a_day: Place) -> None:
    with duckdb.connect(str(after_a_day.home / "warehouse.duckdb")) as con:
        con.execute(
            "update marts.fct_cohort_retention_daily set retained_users = 11 where day_n = 1"
        )
    with pytest.raises(MartsDiffer) as stopped:  # the flow that runs every week
        pipeline.verify(home=after_a_day.home, sources=after_a_day.sources)
    told = str(stopped.value).splitlines()
    assert told[0].startswith("1 rows of the marts differ from a rebuild: somebody has written")
    assert told[1].strip() == (
        "warehouse: fct_cohort_retention_daily [app_id=chat, cohort_date=2026-01-01, "
        "platform=unknown, country=unknown, channel=unknown, app_version=all, day_n=1]: "
        "retained_users is 11, a rebuild gives 10"
    )
    assert "afterhype build --full" in told[-1]


def test_rows_that_are_missing_or_too_many_are_named(after_a_day: Place) -> None:
    with duckdb.connect(str(after_a_day.home / "warehouse.duckdb")) as con:
        con.execute("delete from marts.fct_app_activity_daily where activity_date = '2026-01-03'")
        con.execute(
            "insert into marts.data_freshness by name select 'ghost' as source, 'events' as "
            "kind, 0 as extracts_landed, 0 as extracts_quarantined, 0 as extracts_failed, "
            "0 as rows_landed, 0 as rows_rejected, 0 as rows_duplicate"
        )
        con.execute(  # a mart that is all key
            "insert into marts.launch_notes values ('chat', '2026-01-02', 'other', 'Ghost')"
        )
    told = [str(difference) for difference in verified(after_a_day).differences]
    assert told == [
        "warehouse: fct_app_activity_daily [app_id=chat, activity_date=2026-01-03]: "
        "the row is missing",
        "warehouse: launch_notes [app_id=chat, note_date=2026-01-02, kind=other, title=Ghost]: "
        "a rebuild gives no such row",
        "warehouse: data_freshness [source=ghost]: a rebuild gives no such row",
    ]


def test_the_published_file_is_compared_too(after_a_day: Place) -> None:
    published = after_a_day.home / "published" / "marts.duckdb"
    copy = after_a_day.home / "copy.duckdb"
    shutil.copy(published, copy)
    copy.chmod(0o644)
    with duckdb.connect(str(copy)) as con:
        con.execute("update app_scorecard set d1_rate = 0.9")
    published.unlink()
    copy.rename(published)
    (difference,) = verified(after_a_day).differences
    assert str(difference) == (
        "published file: app_scorecard [app_id=chat]: d1_rate is 0.9, a rebuild gives 0.5"
    )


def test_marts_older_than_what_has_landed_are_not_compared(after_a_day: Place) -> None:
    after_a_day.export("new.csv", "n1,2026-01-10T08:00:00Z,open,n1")
    run = stages.begin(after_a_day.home, after_a_day.sources)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    with pytest.raises(AfterhypeError, match="1 extracts have landed since the last build"):
        verify(run.settings, run.sources)


def test_a_warehouse_from_before_there_were_lakes_is_verified(after_a_day: Place) -> None:
    with duckdb.connect(str(after_a_day.home / "warehouse.duckdb")) as con:
        con.execute("drop table ops.lakes")
        con.execute("drop table ops.lake_files")
    run = stages.begin(after_a_day.home, after_a_day.sources)
    assert verify(run.settings, run.sources).differing_rows == 0


def test_grains_are_those_that_dbt_tests(first_run: Place) -> None:
    manifest = json.loads((first_run.home / "dbt" / "target" / "manifest.json").read_text())
    nodes = manifest["nodes"]
    tested: dict[str, set[str]] = {}
    for node in nodes.values():
        if node["resource_type"] != "test" or not node.get("attached_node"):
            continue
        model = nodes[node["attached_node"]]
        test = node["test_metadata"]
        if model["schema"] == "marts" and test["name"] == "unique_combination_of_columns":
            tested[model["name"]] = set(test["kwargs"]["columns"])
        elif model["schema"] == "marts" and test["name"] == "unique":
            tested[model["name"]] = {node["column_name"]}
    assert {mart: set(key) for mart, key in GRAIN.items()} == tested
    assert set(SETTLED) <= set(GRAIN)
