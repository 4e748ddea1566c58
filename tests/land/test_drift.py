"""Exports change: what is new, missing or of another type is recorded, and lands all the same."""

from __future__ import annotations

import json

import duckdb

from flows.land.drift import Drift, list_drift, sum_up
from tests.land.conftest import Land

HEADER = "who,at,what,id"


def drift(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str | None, str | None]]:
    ids = [row[0] for row in con.execute("select extract_id from raw.extracts").fetchall()]
    return [(d.change, d.column_name, d.was, d.is_now) for d in list_drift(con, ids)]


def test_a_new_column_is_told_once(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    land("1.csv", f"{HEADER}\nu,2026-01-01,open,1\n")
    assert drift(con) == []
    for number in (2, 3):
        land(f"{number}.csv", f"{HEADER},extra\nu,2026-01-01,open,{number},x\n")
    assert drift(con) == [("new column", "extra", None, None)]


def test_a_missing_optional_column_lands_as_null(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    columns = {
        "user_id": "who",
        "event_time": "at",
        "event_name": "what",
        "event_id": "id",
        "country": "land",
    }
    land("1.csv", f"{HEADER},land\nu,2026-01-01,open,1,de\n", columns=columns)
    _, landed = land("2.csv", f"{HEADER}\nu,2026-01-01,open,2\n", columns=columns)
    assert landed.rows_landed == 1
    assert drift(con) == [("missing column", "land", "text", None)]
    assert con.execute("select country from raw.app_events order by 1").fetchall() == [
        ("DE",),
        (None,),
    ]


def test_a_column_that_changes_its_type_half_way_lands_whole(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    rows = [{"who": n + 1, "at": "2026-01-01", "what": "open", "id": n} for n in range(50)]
    rows += [{"who": f"u{n}", "at": "2026-01-01", "what": "open", "id": n} for n in range(50, 99)]
    _, landed = land("1.ndjson", "\n".join(map(json.dumps, rows)), type="ndjson")
    assert (landed.rows_landed, landed.rows_rejected) == (99, 0)
    assert ("type changes within the file", "who", "integer", "text") in drift(con)


def test_another_type_than_before_is_told(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    land("1.csv", f"{HEADER}\n17,2026-01-01,open,1\n")
    land("2.csv", f"{HEADER}\nabc,2026-01-01,open,2\n")
    assert drift(con) == [("other type", "who", "integer", "text")]


def test_the_same_drift_of_many_extracts_is_told_once() -> None:
    def of(extract_id: str, column: str, was: str = "text", is_now: str = "integer") -> Drift:
        return Drift(
            extract_id=extract_id,
            source="s",
            column_name=column,
            change="other type",
            was=was,
            is_now=is_now,
        )

    drifts = [of("1", "ts"), of("2", "ts", "integer", "text"), of("1", "who"), of("3", "ts")]
    assert sum_up(drifts) == [
        "s: other type ts (text before, integer now), in 3 extracts",
        "s: other type who (text before, integer now)",
    ]
