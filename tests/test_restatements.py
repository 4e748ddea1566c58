"""What a publication changes of the one before, and the cause it gives."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import stages
from flows.land import ledger
from flows.restatements import write_restatements
from flows.warehouse import connect, create_schemas
from tests.conftest import Place

TRIANGLE = "fct_cohort_retention_daily"


def restatements(place: Place, where: str = "true") -> list[dict[str, Any]]:
    """The rows of the published table, newest publication first."""
    with duckdb.connect(str(place.home / "published" / "marts.duckdb"), read_only=True) as con:
        rows = con.execute(
            f"from restatements where {where} order by publication_id desc, mart, measure, cell"
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def run_again(place: Place) -> str:
    """Land, build and publish, without the gates; return the new publication's id."""
    run = stages.begin(place.home, place.sources)
    stages.prepare(run)
    stages.land_source(run, run.sources.events[0], lambda _done, _all: None)
    stages.build(run)
    return stages.publish(run).publication_id


@pytest.fixture(scope="module")
def restated(first_run: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, list[str]]:
    """A place after four more publications, and their ids.

    A user of the first day turns up in a later export; the watermark moves on; an extract is taken
    back; the time zone changes.
    """
    folder = tmp_path_factory.mktemp("restated") / "copy"
    shutil.copytree(first_run.folder, folder, symlinks=True)
    place = Place(folder)
    place.export("late.csv", "late,2026-01-01T23:00:00Z,open,z1")
    late = run_again(place)
    place.sources.write_text(place.sources.read_text().replace("2026-01-12", "2026-01-14"))
    place.export("new.csv", "n1,2026-01-13T08:00:00Z,open,n1", "n1,2026-01-14T08:00:00Z,open,n2")
    later = run_again(place)
    with connect(stages.begin(place.home, place.sources).settings) as con:
        (wrong,) = [x for x in ledger.list_extracts(con) if x.uri.endswith("new.csv")]
        ledger.quarantine(con, wrong.extract_id, "it was another app's")
    retracted = run_again(place)
    text = place.sources.read_text().replace("timezone: UTC", "timezone: Asia/Tokyo")
    place.sources.write_text(text)
    return place, [late, later, retracted, run_again(place)]


def test_the_first_publication_restates_nothing(first_run: Place) -> None:
    assert restatements(first_run) == []


def test_a_late_event_is_told_cell_by_cell(restated: tuple[Place, list[str]]) -> None:
    place, (late, *_) = restated
    rows = restatements(place, f"publication_id = '{late}'")
    (cell,) = [
        row
        for row in rows
        if (row["mart"], row["measure"]) == (TRIANGLE, "eligible_users")
        and json.loads(row["cell"])["day_n"] == 1
    ]
    assert json.loads(cell["cell"])["cohort_date"] == "2026-01-01"
    assert (cell["old_value"], cell["new_value"], cell["cells"]) == (20, 21, 1)
    assert cell["cause"] == "late_events"
    assert cell["explanation"] == (
        "1 extract(s) brought 1 events of days already published, 2026-01-01 to 2026-01-01"
    )
    told = {(row["mart"], row["measure"]) for row in rows}
    assert (TRIANGLE, "retained_users") in told  # day 0
    assert ("fct_app_activity_daily", "dau") in told
    assert ("fct_growth_accounting", "new") in told
    assert ("app_scorecard", "d1_rate") in told


def test_events_of_new_days_restate_only_rates_over_more_cohorts(
    restated: tuple[Place, list[str]],
) -> None:
    place, (_, later, *_) = restated
    rows = restatements(place, f"publication_id = '{later}'")
    assert {row["mart"] for row in rows} == {"app_scorecard"}
    assert {row["cause"] for row in rows} == {"maturing"}
    assert {row["explanation"] for row in rows} == {
        "more cohorts are complete: the watermark moved from 2026-01-12 to 2026-01-14"
    }


def test_an_extract_taken_back_is_the_cause(restated: tuple[Place, list[str]]) -> None:
    place, (_, _, retracted, _) = restated
    rows = restatements(place, f"publication_id = '{retracted}' and mart = '{TRIANGLE}'")
    assert {row["cause"] for row in rows} == {"retraction"}
    assert rows[0]["explanation"] == "1 extract(s) with 2 events taken back"
    assert {row["new_value"] for row in rows} == {None}  # the cohort of the 13th is gone


def test_another_time_zone_is_a_change_of_definition(restated: tuple[Place, list[str]]) -> None:
    place, (*_, defined) = restated
    rows = restatements(place, f"publication_id = '{defined}'")
    assert {row["cause"] for row in rows} == {"definition"}
    assert "time zone" in rows[0]["explanation"]


def test_the_history_is_kept(restated: tuple[Place, list[str]]) -> None:
    place, publications = restated
    assert {row["publication_id"] for row in restatements(place)} == set(publications)


def marts_of(path: Path, day: date, users: int) -> None:
    """A published file with one app, whose first twenty days have some active users each."""
    with duckdb.connect(str(path)) as con:
        con.execute(
            "create table publication as select 'p1' as publication_id, 'd' as "
            "definition_hash, 'UTC' as timezone"
        )
        con.execute("create table dim_apps as select 'a' as app_id, ?::date as watermark", [day])
        con.execute(
            "create table fct_app_activity_daily as select 'a' as app_id, "
            "(date '2026-01-01' + n::integer) as activity_date, ? + n as dau, 1 as wau, 1 as mau, "
            "1 as new_users, 1 as events from range(20) as r (n)",
            [users],
        )


def test_many_small_changes_are_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also: an older file that lacks marts and the table itself is compared as far as it goes."""
    monkeypatch.setattr("flows.restatements.CELLS_KEPT", 2)
    marts_of(tmp_path / "old.duckdb", date(2026, 1, 20), users=10)
    marts_of(tmp_path / "marts.duckdb", date(2026, 1, 20), users=13)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        create_schemas(con)
        con.execute("create schema intermediate")
        con.execute(
            "create table intermediate.int_extract_days (extract_id varchar, app_id varchar, "
            "activity_date date, events bigint)"
        )
    with duckdb.connect(str(tmp_path / "marts.duckdb")) as con:
        con.execute(f"attach '{tmp_path / 'warehouse.duckdb'}' as warehouse")
        con.execute(f"attach '{tmp_path / 'old.duckdb'}' as previous")
        write_restatements(con, "p2", datetime(2026, 1, 21), "d")
        rows = con.execute(
            "select cell is null, cells, old_value, new_value from restatements order by all"
        ).fetchall()
    named, summed_up = rows[:2], rows[2]
    assert [(cells, new - old) for _, cells, old, new in named] == [(1, 3), (1, 3)]
    rest = sum(10 + n for n in range(20)) - sum(old for _, _, old, _ in named)
    assert summed_up == (True, 18, rest, rest + 18 * 3)


def test_an_anonymous_user_who_turns_out_to_be_known_restates_the_past(after_a_day: Place) -> None:
    place = after_a_day
    merged = "identity: merged\n    columns: {anonymous_id: device, user_id: who,"
    text = place.sources.read_text().replace("columns: {user_id: who,", merged)
    place.sources.write_text(text)
    exports = place.folder / "exports"
    (exports / "1.csv").write_text("who,device,at,what,id\n,d1,2026-01-02T10:00:00Z,open,d1\n")
    run_again(place)
    assert _day_1(place) == (20, 10)
    # u15 was not there on day 1, or so it seemed
    (exports / "2.csv").write_text(
        "who,device,at,what,id\nu15,d1,2026-01-12T10:00:00Z,sign in,s1\n"
    )
    publication = run_again(place)
    assert _day_1(place) == (20, 11)
    rows = restatements(place, f"publication_id = '{publication}' and mart = '{TRIANGLE}'")
    assert {row["cause"] for row in rows} == {"identity"}
    assert "1 anonymous user(s) turned out to be others" in rows[0]["explanation"]
    # as sent, they are two again
    place.sources.write_text(place.sources.read_text().replace("identity: merged", ""))
    run_again(place)
    assert _day_1(place) == (20, 10)


def _day_1(place: Place) -> tuple[int, int]:
    with duckdb.connect(str(place.home / "published" / "marts.duckdb"), read_only=True) as con:
        row = con.execute(
            "select sum(eligible_users), sum(retained_users) from fct_cohort_retention_daily "
            "where cohort_date = '2026-01-01' and day_n = 1"
        ).fetchone()
        assert row is not None
        return row
