"""Compaction: no mart changes, the file shrinks, pruned events are still known."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from flows import stages
from flows.compaction import compact, prune
from flows.errors import AfterhypeError
from flows.land import ledger
from flows.warehouse import connect
from tests.conftest import Place


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


def keep_raw_days(place: Place, days: int) -> None:
    """Allow pruning, and build: what may be pruned is left out of retention by behaviour."""
    text = place.sources.read_text()
    place.sources.write_text(f"raw_retention_days: {days}\n{text}")
    assert stages.build(a_run(place)).reason == "the definitions have changed"


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


def test_pruning_changes_no_mart(after_a_day: Place) -> None:
    keep_raw_days(after_a_day, 5)  # the watermark is the 12th: events up to the 7th may go
    before = marts(after_a_day)
    run = a_run(after_a_day)
    compaction = compact(run.settings, run.sources, run.now)
    assert compaction.rows_pruned == 30
    assert raw_events(after_a_day) == 5
    assert stages.build(run).by_arrival
    assert marts(after_a_day) == before
    assert stages.build(a_run(after_a_day), full=True).by_arrival is False
    assert marts(after_a_day) == before
    assert verify_agrees(run)


def test_a_pruned_event_is_known_when_it_comes_again(after_a_day: Place) -> None:
    keep_raw_days(after_a_day, 5)
    run = a_run(after_a_day)
    compact(run.settings, run.sources, run.now)
    after_a_day.export(
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


def test_what_is_pruned_cannot_be_taken_back(after_a_day: Place) -> None:
    keep_raw_days(after_a_day, 5)
    run = a_run(after_a_day)
    compact(run.settings, run.sources, run.now)
    with connect(run.settings) as con:
        (extract,) = ledger.list_extracts(con)
        with pytest.raises(AfterhypeError, match="30 of its events, up to 2026-01-02"):
            ledger.quarantine(con, extract.extract_id, "too late")


def test_definitions_stay_once_raw_events_are_pruned(after_a_day: Place) -> None:
    keep_raw_days(after_a_day, 5)
    run = a_run(after_a_day)
    compact(run.settings, run.sources, run.now)
    text = after_a_day.sources.read_text()
    after_a_day.sources.write_text(text.replace("horizon_days: 10", "horizon_days: 11"))
    assert stages.build(a_run(after_a_day)).reason == "the definitions have changed"
    after_a_day.sources.write_text(text.replace("timezone: UTC", "timezone: Asia/Tokyo"))
    with pytest.raises(AfterhypeError, match="raw events have been pruned under the old ones"):
        stages.build(a_run(after_a_day))


def test_nothing_is_pruned_that_the_marts_do_not_hold(after_a_day: Place) -> None:
    after_a_day.export("new.csv", "n1,2026-01-03T08:00:00Z,open,n1")
    run = a_run(after_a_day)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    with (
        connect(run.settings) as con,
        pytest.raises(AfterhypeError, match="nothing is pruned: 1 extracts have landed"),
    ):
        prune(con, run.sources, 5, run.now)
