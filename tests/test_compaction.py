"""Compaction: no mart changes, the file shrinks, pruned events are still known."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import stages
from flows.compaction import compact, prune
from flows.errors import AfterhypeError
from flows.land import ledger
from flows.warehouse import connect
from tests.conftest import Place, copy_to


def a_run(place: Place) -> stages.Run:
    return stages.begin(place.home, place.sources)


def marts(place: Place) -> dict[str, list[Any]]:
    with duckdb.connect(str(place.home / "warehouse.duckdb"), read_only=True) as con:
        names = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by all"
        ).fetchall()
        return {
            name: con.execute(f"from marts.{name} order by all").fetchall() for (name,) in names
        }


def raw_events(place: Place) -> int:
    with duckdb.connect(str(place.home / "warehouse.duckdb"), read_only=True) as con:
        row = con.execute("select count(*) from raw.app_events").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def prunable(first_run: Place, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A place that keeps raw events for five days, built: what may be pruned is left out of
    retention by behaviour. The watermark is the 12th, so that events up to the 7th may go.
    """
    folder = tmp_path_factory.mktemp("prunable") / "place"
    place = type(first_run)(shutil.copytree(first_run.folder, folder, symlinks=True))
    text = place.sources.read_text()
    place.sources.write_text(f"raw_retention_days: 5\n{text}")
    assert stages.build(a_run(place)).reason == "the definitions have changed"
    return place


@pytest.fixture
def keeping_five_days(prunable: Place, ground: Path) -> Place:
    """A copy of that place, to go on from."""
    return copy_to(ground, prunable)


@pytest.fixture
def pruned(keeping_five_days: Place) -> Any:
    run = a_run(keeping_five_days)
    compact(run.settings, run.sources, run.now)
    return keeping_five_days


def test_freed_blocks_are_given_back(after_a_day: Place) -> None:
    before = marts(after_a_day)
    with duckdb.connect(str(after_a_day.home / "warehouse.duckdb")) as con:
        for table in ("ballast", "after_it"):  # a file is cut off only behind its last used block
            con.execute(
                f"create table {table} as select hash(i) as n from range(1_000_000) as r (i)"
            )
            con.execute("checkpoint")
        con.execute("drop table ballast")
    run = a_run(after_a_day)
    compaction = compact(run.settings, run.sources, run.now)
    assert compaction.rows_pruned == 0
    assert compaction.bytes_after < compaction.bytes_before - 4_000_000
    assert marts(after_a_day) == before
    assert not list(after_a_day.home.glob("*compacting*"))
    with connect(run.settings) as con:  # constraints and comments have come along
        comment = con.execute(
            "select comment from duckdb_tables() where table_name = 'fct_retention_curves'"
        ).fetchone()
        assert comment is not None
        assert comment[0].startswith("One row per app")
        with pytest.raises(duckdb.ConstraintException):
            con.execute("insert into raw.extracts from raw.extracts")


def test_pruning_changes_no_mart(keeping_five_days: Place) -> None:
    before = marts(keeping_five_days)
    run = a_run(keeping_five_days)
    compaction = compact(run.settings, run.sources, run.now)
    assert compaction.rows_pruned == 30
    assert raw_events(keeping_five_days) == 5
    assert stages.build(run).by_arrival
    assert marts(keeping_five_days) == before
    assert stages.build(a_run(keeping_five_days), full=True).by_arrival is False
    assert marts(keeping_five_days) == before
    assert verify_agrees(run)


def as_spark_leaves_it(place: Place) -> None:
    """Of what Spark has built the warehouse shows the tables, and no view."""
    with connect(a_run(place).settings) as con:
        con.execute("drop view intermediate.int_raw_user_days")


def test_pruning_what_spark_has_built_changes_no_mart(keeping_five_days: Place) -> None:
    before = marts(keeping_five_days)
    as_spark_leaves_it(keeping_five_days)
    run = a_run(keeping_five_days)
    assert compact(run.settings, run.sources, run.now).rows_pruned == 30
    stages.build(run, full=True)
    assert marts(keeping_five_days) == before


def test_merged_users_are_not_pruned_where_spark_has_built(keeping_five_days: Place) -> None:
    as_spark_leaves_it(keeping_five_days)
    run = a_run(keeping_five_days)
    with connect(run.settings) as con:
        con.execute("insert into raw.user_aliases select 'chat', uuid(), uuid()")
    with pytest.raises(AfterhypeError, match="anonymous users have been merged.*Build once with"):
        compact(run.settings, run.sources, run.now)
    assert raw_events(keeping_five_days) == 35


def test_a_pruned_event_is_known_when_it_comes_again(pruned: Place) -> None:
    run = a_run(pruned)
    pruned.export(
        "again.csv",
        "u00,2026-01-01T08:00:00Z,open,a0",  # as it was
        "u00,2026-01-01T09:00:00Z,open,late",  # a late one on a pruned day
    )
    landing = stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    assert (landing.rows_landed, landing.rows_duplicate) == (1, 1)
    stages.build(run)
    with connect(run.settings, read_only=True) as con:
        assert con.execute(
            "select events from marts.fct_app_activity_daily where activity_date = '2026-01-01'"
        ).fetchone() == (21,)
    assert verify_agrees(run)


def verify_agrees(run: stages.Run) -> bool:
    return stages.verify(run).differing_rows == 0


def test_what_is_pruned_cannot_be_taken_back(pruned: Place) -> None:
    with connect(a_run(pruned).settings) as con:
        (extract,) = ledger.list_extracts(con)
        with pytest.raises(AfterhypeError, match="30 of its events, up to 2026-01-02"):
            ledger.quarantine(con, extract.extract_id, "too late")


def test_definitions_stay_once_raw_events_are_pruned(pruned: Place) -> None:
    text = pruned.sources.read_text()
    pruned.sources.write_text(text.replace("horizon_days: 10", "horizon_days: 11"))
    assert stages.build(a_run(pruned)).reason == "the definitions have changed"
    pruned.sources.write_text(text.replace("timezone: UTC", "timezone: Asia/Tokyo"))
    with pytest.raises(AfterhypeError, match="raw events have been pruned under the old ones"):
        stages.build(a_run(pruned))


def test_nothing_is_pruned_that_the_marts_do_not_hold(after_a_day: Place) -> None:
    after_a_day.export("new.csv", "n1,2026-01-03T08:00:00Z,open,n1")
    run = a_run(after_a_day)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    with (
        connect(run.settings) as con,
        pytest.raises(AfterhypeError, match="nothing is pruned: 1 extracts have landed"),
    ):
        prune(con, run.sources, 5, run.now)
