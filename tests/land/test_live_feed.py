"""The live feed against a server that misbehaves: each way ends in the right snapshot."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import duckdb
import httpx
import pytest
import stamina
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from flows.extract import apple_charts
from flows.extract.apple_charts import fetch_charts
from flows.land.source import land_fetches
from flows.settings import Settings
from flows.sources import ChartFeed

NOW = datetime(2026, 2, 1, 10)
FEED = ChartFeed(name="live", feed="apple_rss", storefronts=["us"], charts=["top-free"], limit=25)


def payload(
    *ids: str,
    limit: int = 25,
    country: str = "us",
    updated: str = "Sun, 01 Feb 2026 09:00:00 +0000",
) -> str:
    return json.dumps(
        {
            "feed": {
                "id": f"https://example.com/api/v2/{country}/apps/top-free/{limit}/apps.json",
                "country": country,
                "updated": updated,
                "results": [{"id": i, "name": f"App {i}"} for i in ids],
            }
        }
    )


GOOD = payload("1", "2", "3")


Answer = Callable[[Request], Response]


def busy_then_good(status: int) -> Answer:
    is_busy = itertools.cycle([True, False])
    busy = Response(status=status, headers={"Retry-After": "0"})
    return lambda _: busy if next(is_busy) else Response(GOOD)


def slow(_: Request) -> Response:
    time.sleep(0.6)
    return Response(GOOD)


def trickling(_: Request) -> Response:
    def body() -> Iterator[bytes]:
        for sign in GOOD:
            time.sleep(0.02)
            yield sign.encode()

    return Response(body())


PATIENCE: dict[Answer, float] = {slow: 0.3, trickling: 0.5}
"""How many seconds each of these is waited for."""


def refusing_the_limit(request: Request) -> Response:
    limit = int(request.path.split("/")[-2])
    return Response(payload("1", "2", limit=10) if limit == 10 else "", 200 if limit == 10 else 400)


@pytest.fixture(autouse=True)
def _few_attempts() -> Iterator[None]:
    stamina.set_testing(True, attempts=2)
    yield
    stamina.set_testing(False)


@pytest.mark.parametrize(
    ("answer", "status", "depth", "ranks", "said"),
    [
        (busy_then_good(429), "observed", 3, ["1", "2", "3"], None),
        (busy_then_good(500), "observed", 3, ["1", "2", "3"], None),
        (refusing_the_limit, "observed", 2, ["1", "2"], None),
        (lambda _: Response(payload("1", "2", "1", "4")), "observed", 4, ["1", "2", "4"], None),
        (lambda _: Response(status=429), "failed", 0, [], "HTTP 429"),
        (lambda _: Response(status=503), "failed", 0, [], "HTTP 503"),
        (slow, "failed", 0, [], "ReadTimeout"),
        (trickling, "failed", 0, [], "ReadTimeout: not done after 0.5 s"),
        (lambda _: Response("<html>busy</html>"), "failed", 0, [], "not a JSON document"),
        (lambda _: Response(payload()), "failed", 0, [], "the feed is empty"),
        (lambda _: Response("{}"), "failed", 0, [], "names no storefront"),
        (lambda _: Response(GOOD[: len(GOOD) // 2]), "failed", 0, [], "not a JSON document"),
        (lambda _: Response(payload("1", country="jp")), "failed", 0, [], "the payload says jp"),
        (lambda _: Response(payload("1", updated="soon")), "observed", 1, ["1"], None),
    ],
    ids=[
        "429 once",
        "500 once",
        "limit refused",
        "an id twice",
        "429 for good",
        "503 for good",
        "too slow",
        "a body that trickles",
        "HTML",
        "empty",
        "another document",
        "half a document",
        "another country",
        "no stamp",
    ],
)
def test_each_way_ends_in_the_right_snapshot(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    status: str,
    depth: int,
    ranks: list[str],
    said: str | None,
) -> None:
    if patience := PATIENCE.get(answer):
        monkeypatch.setattr(apple_charts, "_TIMEOUT", httpx.Timeout(patience))
        monkeypatch.setattr(apple_charts, "LONGEST_ANSWER_SECONDS", patience)
    httpserver.expect_request(_any_path()).respond_with_handler(answer)
    _fetch_and_land(con, settings, httpserver.url_for("").rstrip("/"))
    (row,) = con.execute(
        "select status, depth, error from raw.chart_snapshots where snapshot_at = ?", [NOW]
    ).fetchall()
    assert row[:2] == (status, depth)
    assert (row[2] is None) if said is None else said in row[2]
    landed = con.execute("select store_app_id from raw.chart_ranks order by rank").fetchall()
    assert [app for (app,) in landed] == ranks


def test_a_cut_connection_is_a_failed_snapshot(
    con: duckdb.DuckDBPyConnection, settings: Settings, cut_connections: str
) -> None:
    _fetch_and_land(con, settings, cut_connections)
    assert con.execute("select status, depth from raw.chart_snapshots").fetchall() == [
        ("failed", 0)
    ]
    assert con.execute("select count(*) from raw.chart_ranks").fetchone() == (0,)


def _any_path() -> re.Pattern[str]:
    return re.compile("/api/.*")


def _fetch_and_land(con: duckdb.DuckDBPyConnection, settings: Settings, url: str) -> None:
    asked = settings.model_copy(update={"apple_rss_base_url": url})
    land_fetches(con, FEED, fetch_charts(FEED, asked, NOW), NOW)
