"""Landing charts: exact snapshots and ranks, and what is not a new observation."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pytest

from flows.extract.apple_charts import Fetch
from flows.land import ledger
from flows.land.ledger import Landed
from flows.land.source import SourceLanding, land_fetches, land_files
from flows.settings import Settings
from flows.sources import ChartFeed, ChartFiles

NOW = datetime(2026, 2, 1)
FEED = ChartFeed(name="live", feed="apple_rss", storefronts=["us"], charts=["top-free"], limit=3)


def payload(
    *ids: str | None, updated: str = "Tue, 06 Jan 2026 10:00:00 +0000", storefront: str = "us"
) -> str:
    return json.dumps(
        {
            "feed": {
                "id": f"https://example.com/api/v2/{storefront}/apps/top-free/3/apps.json",
                "country": storefront,
                "updated": updated,
                "results": [{"id": i, "name": f"App {i}", "artistName": "Maker"} for i in ids],
            }
        }
    )


class LandCharts(Protocol):
    """``land(name, text)``: write a file and land it as a run would."""

    def __call__(self, name: str, text: str, **source: Any) -> SourceLanding: ...


class LandChart(Protocol):
    """``land_file(name, text)``: land a good file, and give back (extract id, what it came to)."""

    def __call__(self, name: str, text: str, **source: Any) -> tuple[str, Landed]: ...


@pytest.fixture
def land(con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path) -> LandCharts:
    def write_and_land(name: str, text: str, **source: Any) -> SourceLanding:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        told = {"name": "archive", "format": "apple_rss", "uri": str(path)} | source
        return land_files(con, ChartFiles(**told), settings, NOW)

    return write_and_land


@pytest.fixture
def land_file(land: LandCharts) -> LandChart:
    def land_one(name: str, text: str, **source: Any) -> tuple[str, Landed]:
        landing = land(name, text, **source)
        assert landing.failed == ()
        (landed,) = landing.landed.items()
        return landed

    return land_one


def snapshots(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select storefront, snapshot_at, depth, status from raw.chart_snapshots "
        "order by snapshot_at, storefront"
    ).fetchall()


def ranks(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select rank, store_app_id from raw.chart_ranks order by snapshot_id, rank"
    ).fetchall()


def test_a_capture_becomes_a_snapshot_and_its_ranks(
    con: duckdb.DuckDBPyConnection, land_file: LandChart
) -> None:
    _, landed = land_file("a.json", payload("11", "22", "33"))
    assert landed.rows_landed == 3
    assert con.execute(
        "select store, storefront, chart, genre, snapshot_at, requested_limit, depth, "
        "feed_updated_at, status from raw.chart_snapshots"
    ).fetchall() == [
        (
            "apple",
            "us",
            "top-free",
            "all",
            datetime(2026, 1, 6, 10),
            3,
            3,
            datetime(2026, 1, 6, 10),
            "observed",
        )
    ]
    assert ranks(con) == [(1, "11"), (2, "22"), (3, "33")]


def test_a_repeated_or_nameless_entry_shifts_nobody(
    con: duckdb.DuckDBPyConnection, land_file: LandChart
) -> None:
    _, landed = land_file("a.json", payload("11", "22", "11", None, "55"))
    assert ranks(con) == [(1, "11"), (2, "22"), (5, "55")]
    assert con.execute(
        "select line_number, reason from raw.rejects order by line_number"
    ).fetchall() == [(3, "app twice in one chart"), (4, "no app id")]
    assert (landed.rows_landed, landed.rows_rejected) == (3, 2)
    assert snapshots(con)[0][2] == 5


def test_the_same_stamp_again_is_no_new_observation(
    con: duckdb.DuckDBPyConnection, land_file: LandChart
) -> None:
    land_file("a.json", payload("11", "22"))
    extract_id, _ = land_file("b.json", payload("11", "22") + "\n")
    assert (
        con.execute(
            "select status from raw.chart_snapshots where extract_id = ?", [extract_id]
        ).fetchall()
        == []
    )  # the same chart at the same moment: not even another snapshot
    land_file("c.json", payload("11", "22", updated="Wed, 07 Jan 2026 10:00:00 +0000"))
    assert [row[3] for row in snapshots(con)] == ["observed", "observed"]


CUSTOM = {
    "format": "custom",
    "reader": {"type": "json", "records": "$.rows"},
    "columns": {
        "store": "'apple'",
        "storefront": "land",
        "chart": "'top-free'",
        "snapshot_at": "document->>'$.taken'",
        "rank": "place",
        "store_app_id": "app",
    },
}


def capture(day: int, *apps: str) -> str:
    rows = [{"land": "US", "place": n, "app": app} for n, app in enumerate(apps, 1)]
    return json.dumps({"taken": f"2026-01-{day:02}T12:00:00Z", "rows": rows})


CAPTURES = {
    1: capture(1, "a", "b"),
    2: capture(2, "a", "b"),
    3: capture(3, "b", "a"),
    4: capture(4, "b", "a"),
}


@pytest.mark.parametrize("order", list(itertools.permutations(CAPTURES))[::3])
def test_without_a_stamp_content_decides_whatever_the_order_of_landing(
    con: duckdb.DuckDBPyConnection, land_file: LandChart, order: tuple[int, ...]
) -> None:
    for day in order:
        land_file(f"{day}.json", CAPTURES[day], **CUSTOM)
    assert [row[3] for row in snapshots(con)] == ["observed", "unchanged", "observed", "unchanged"]
    assert {row[0] for row in snapshots(con)} == {"us"}


def test_a_hidden_capture_is_not_what_others_are_compared_with(
    con: duckdb.DuckDBPyConnection, land_file: LandChart
) -> None:
    first, _ = land_file("1.json", CAPTURES[1], **CUSTOM)
    second, _ = land_file("2.json", CAPTURES[2], **CUSTOM)
    assert ledger.unchanged_charts(con, [first, second]) == 1
    assert ledger.unchanged_charts(con, [first]) == 0
    ledger.quarantine(con, first, "test")
    assert [row[3] for row in snapshots(con)] == ["observed", "observed"]
    ledger.release(con, first)
    assert [row[3] for row in snapshots(con)] == ["observed", "unchanged"]


def test_one_file_may_hold_many_charts(
    con: duckdb.DuckDBPyConnection, land_file: LandChart
) -> None:
    rows = [
        {"land": land, "place": n, "app": f"{land}{n}"} for land in ("us", "jp") for n in (1, 2)
    ]
    text = json.dumps({"taken": "2026-01-01T00:00:00Z", "rows": rows})
    land_file("a.json", text, **CUSTOM)
    assert [(row[0], row[2]) for row in snapshots(con)] == [("jp", 2), ("us", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("<html>busy</html>", "not a JSON document"),
        ("{}", "names no storefront"),
        (payload(), "the feed is empty"),
        (payload("1", updated="soon"), "names no time stamp"),
    ],
)
def test_an_unreadable_capture_names_itself(
    con: duckdb.DuckDBPyConnection, land: LandCharts, text: str, message: str
) -> None:
    (said,) = land("broken.json", text).failed
    assert "broken.json" in said
    assert message in said
    assert con.execute("select status, error from raw.extracts").fetchall() == [("failed", said)]
    assert snapshots(con) == []


def fetch(tmp_path: Path, hours: int, text: str | None = None, error: str | None = None) -> Fetch:
    path = None
    if text is not None:
        path = tmp_path / f"{hours}.json"
        path.write_text(text, encoding="utf-8")
    return Fetch(
        storefront="us",
        chart="top-free",
        limit=3,
        fetched_at=NOW + timedelta(hours=hours),
        path=path,
        error=error,
    )


def test_a_live_chart_that_stood_still_is_a_fetch_and_no_observation(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for hours in (0, 1):
        landing = land_fetches(con, FEED, [fetch(tmp_path, hours, payload("1", "2"))], NOW)
        assert landing.failed == ()
    assert [(row[1], row[3]) for row in snapshots(con)] == [
        (NOW, "observed"),
        (NOW + timedelta(hours=1), "unchanged"),
    ]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (None, "HTTP 503", "HTTP 503"),
        (
            payload("1", storefront="jp"),
            None,
            "asked for us/top-free, the payload says jp/top-free",
        ),
        ("<html>", None, "not a JSON document"),
        (payload(), None, "the feed is empty"),
    ],
)
def test_a_failed_fetch_is_a_row_and_no_rank(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, text: str | None, error: str | None, said: str
) -> None:
    fetches = [fetch(tmp_path, 0, text, error)]
    for _ in range(2):  # landing it again changes nothing
        landing = land_fetches(con, FEED, fetches, NOW)
        assert said in landing.failed[0]
        assert con.execute("select status, depth from raw.chart_snapshots").fetchall() == [
            ("failed", 0)
        ]
        assert ranks(con) == []


def test_each_chart_of_a_feed_fails_by_itself(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    def asked(chart: str, text: str | None = None, error: str | None = None) -> Fetch:
        at = len(list(tmp_path.iterdir()))
        return replace(fetch(tmp_path, at, text, error), chart=chart, fetched_at=NOW)

    fetches = [
        asked("top-free", payload("1", "2")),
        asked("top-paid", payload("3")),
        asked("top-albums", "<html>"),
        asked("top-books", None, "HTTP 503"),
    ]
    landing = land_fetches(con, FEED, fetches, NOW)
    assert landing.rows_landed == 2
    said = ["the payload says us/top-free", "not a JSON document", "HTTP 503"]
    assert [words in told for words, told in zip(said, landing.failed, strict=True)] == [True] * 3
    assert con.execute(
        "select chart, status, error is null from raw.chart_snapshots order by chart"
    ).fetchall() == [
        ("top-albums", "failed", False),
        ("top-books", "failed", False),
        ("top-free", "observed", True),
        ("top-paid", "failed", False),
    ]
    assert con.execute(
        "select status, count(*) from raw.extracts group by all order by all"
    ).fetchall() == [("failed", 2), ("landed", 1)]


def test_a_chart_that_failed_before_is_replaced_by_its_payload(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land_fetches(con, FEED, [fetch(tmp_path, 0, error="HTTP 503")], NOW)
    land_fetches(con, FEED, [fetch(tmp_path, 0, payload("1"))], NOW)
    assert [row[2:] for row in snapshots(con)] == [(1, "observed")]
    land_fetches(con, FEED, [fetch(tmp_path, 0, error="HTTP 503")], NOW)
    assert [row[2:] for row in snapshots(con)] == [(1, "observed")]
