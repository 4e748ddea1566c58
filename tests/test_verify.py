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


@pytest.fixture(scope="module")
def told(first_run: Place, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the flow that runs every week says of a place with which somebody has tampered.

    Its warehouse is from before there were lakes, too: one rebuild is compared for all tests.
    """
    folder = tmp_path_factory.mktemp("tampered") / "place"
    place = type(first_run)(shutil.copytree(first_run.folder, folder, symlinks=True))
    with duckdb.connect(str(place.home / "warehouse.duckdb")) as con:
        con.execute(
            "update marts.fct_cohort_retention_daily set retained_users = 11 where day_n = 1"
        )
        con.execute("delete from marts.fct_app_activity_daily where activity_date = '2026-01-03'")
        con.execute(
            "insert into marts.data_freshness by name select 'ghost' as source, 'events' as "
            "kind, 0 as extracts_landed, 0 as extracts_quarantined, 0 as extracts_failed, "
            "0 as rows_landed, 0 as rows_rejected, 0 as rows_duplicate"
        )
        con.execute(  # a mart that is all key
            "insert into marts.launch_notes values ('chat', '2026-01-02', 'other', 'Ghost')"
        )
        con.execute("drop table ops.lakes")
        con.execute("drop table ops.lake_files")
    published = place.home / "published" / "marts.duckdb"
    copy = place.home / "copy.duckdb"
    shutil.copy(published, copy)
    copy.chmod(0o644)
    with duckdb.connect(str(copy)) as con:
        con.execute("update app_scorecard set d1_rate = 0.9")
    published.unlink()
    copy.rename(published)
    with pytest.raises(MartsDiffer) as stopped:
        pipeline.verify(home=place.home, sources=place.sources)
    with duckdb.connect(str(place.home / "warehouse.duckdb"), read_only=True) as con:
        assert not con.execute(  # it was verified without them
            "select table_name from duckdb_tables() where table_name ^@ 'lake'"
        ).fetchall()
    return str(stopped.value).splitlines()


def test_a_tampered_cell_is_named(told: list[str]) -> None:
    assert told[0].startswith("5 rows of the marts differ from a rebuild: somebody has written")
    assert told[1].strip() == (
        "warehouse: fct_cohort_retention_daily [app_id=chat, cohort_date=2026-01-01, "
        "platform=unknown, country=unknown, channel=unknown, app_version=all, day_n=1]: "
        "retained_users is 11, a rebuild gives 10"
    )
    assert "afterhype build --full" in told[-1]


def test_rows_that_are_missing_or_too_many_are_named(told: list[str]) -> None:
    assert [line.strip() for line in told if line.strip().startswith("warehouse")][1:] == [
        "warehouse: fct_app_activity_daily [app_id=chat, activity_date=2026-01-03]: "
        "the row is missing",
        "warehouse: launch_notes [app_id=chat, note_date=2026-01-02, kind=other, title=Ghost]: "
        "a rebuild gives no such row",
        "warehouse: data_freshness [source=ghost]: a rebuild gives no such row",
    ]


def test_the_published_file_is_compared_too(told: list[str]) -> None:
    assert [line.strip() for line in told if line.strip().startswith("published file")] == [
        "published file: app_scorecard [app_id=chat]: d1_rate is 0.9, a rebuild gives 0.5"
    ]


def test_nothing_else_is_named(told: list[str]) -> None:
    """Also in a warehouse from before there were lakes."""
    assert len(told) == 1 + 5 + 1


def test_marts_older_than_what_has_landed_are_not_compared(after_a_day: Place) -> None:
    after_a_day.export("new.csv", "n1,2026-01-10T08:00:00Z,open,n1")
    run = stages.begin(after_a_day.home, after_a_day.sources)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    with pytest.raises(AfterhypeError, match="1 extracts have landed since the last build"):
        verify(run.settings, run.sources)


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
