"""Which apps on the charts look like one that has no store id."""

from __future__ import annotations

import duckdb
import pytest

from flows.land.lookalikes import lookalikes
from flows.warehouse import create_schemas

NAMES = {"1": "Chat – talk to friends", "2": "Chart Room", "3": "Chatt", "4": "Photos", "5": "Chat"}


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    create_schemas(con)
    con.execute("insert into raw.apps (app_id, name, is_simulated) values ('chat', 'Chat', false)")
    return con


def capture(con: duckdb.DuckDBPyConnection, snapshot: str, day: int, *ids: str) -> None:
    con.execute(
        """
        insert into raw.chart_snapshots by name
        select $id as snapshot_id, 'charts' as source, 'apple' as store, 'us' as storefront,
            'top-free' as chart, 'all' as genre,
            make_timestamp(2026, 1, $day, 0, 0, 0) as snapshot_at, 9 as depth,
            'observed' as status, now()::timestamp as landed_at
        """,
        {"id": snapshot, "day": day},
    )
    for rank, one in enumerate(ids, 1):
        con.execute(
            "insert into raw.chart_ranks (snapshot_id, rank, store_app_id, app_name) "
            "values (?, ?, ?, ?)",
            [snapshot, rank, one, NAMES[one]],
        )


def found(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return [(one.app_id, one.store_app_id) for one in lookalikes(con)]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [(("4", "1"), "1"), (("3", "2", "4"), "3"), (("1", "3", "5"), "5"), (("2", "4"), None)],
)
def test_the_most_alike_is_named(
    con: duckdb.DuckDBPyConnection, ids: tuple[str, ...], expected: str | None
) -> None:
    capture(con, "s", 5, *ids)
    assert found(con) == ([("chat", expected)] if expected else [])


def test_only_the_newest_capture_of_a_chart_is_asked(con: duckdb.DuckDBPyConnection) -> None:
    capture(con, "old", 5, "1")
    capture(con, "new", 6, "4")
    assert found(con) == []


def test_a_fetch_that_failed_hides_none(con: duckdb.DuckDBPyConnection) -> None:
    capture(con, "s", 5, "1")
    capture(con, "failed", 6)
    con.execute("update raw.chart_snapshots set status = 'failed' where snapshot_id = 'failed'")
    assert found(con) == [("chat", "1")]


def test_an_app_with_an_id_needs_none(con: duckdb.DuckDBPyConnection) -> None:
    capture(con, "s", 5, "1")
    con.execute("insert into raw.app_store_ids values ('chat', 'google', 'com.chat')")
    assert found(con) == []


def test_what_to_do_is_said(con: duckdb.DuckDBPyConnection) -> None:
    capture(con, "s", 5, "1")
    assert str(lookalikes(con)[0]) == (
        "chat has no store_ids, so that no rank counts as its. The apple charts have "
        "'Chat – talk to friends': if it is that one, give the app store_ids: {apple: '1'}."
    )
