"""The live feed, against a server that misbehaves."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
import stamina
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from flows.extract import apple_charts
from flows.extract.apple_charts import NetworkDown, fetch_charts, raise_if_network_is_down
from flows.settings import Settings
from flows.sources import ChartFeed
from tests.presence import present

NOW = datetime(2026, 1, 6, 10, 7)
PATH = "/api/v2/us/apps/top-free/25/apps.json"
FEED = ChartFeed(name="live", feed="apple_rss", storefronts=["us"], charts=["top-free"], limit=25)


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture
def settings(tmp_path: Path, httpserver: HTTPServer) -> Settings:
    return Settings(home=tmp_path, apple_rss_base_url=httpserver.url_for("").rstrip("/"))


def test_a_payload_is_archived_byte_for_byte(settings: Settings, httpserver: HTTPServer) -> None:
    body = b'{"feed" : {}}\n not even JSON'
    httpserver.expect_request(PATH).respond_with_data(body)
    (fetch,) = fetch_charts(FEED, settings, NOW)
    assert (fetch.error, fetch.fetched_at) == (None, NOW)
    assert present(fetch.path).read_bytes() == body
    assert present(fetch.path).is_relative_to(
        settings.archive_dir / "apple_rss" / "us" / "top-free"
    )


def test_results_come_in_the_order_asked_for_and_one_failure_spoils_no_other(
    settings: Settings, httpserver: HTTPServer
) -> None:
    feed = FEED.model_copy(
        update={"storefronts": ("us", "jp"), "charts": ("top-free", "top-paid"), "limit": 10}
    )
    for storefront in ("us", "jp"):
        for chart in ("top-free", "top-paid"):
            status = 404 if (storefront, chart) == ("us", "top-paid") else 200
            httpserver.expect_request(
                f"/api/v2/{storefront}/apps/{chart}/10/apps.json"
            ).respond_with_data(storefront, status=status)
    told = []
    fetches = fetch_charts(feed, settings, NOW, lambda done, total: told.append((done, total)))
    assert [(f.storefront, f.chart, f.error) for f in fetches] == [
        ("us", "top-free", None),
        ("us", "top-paid", "HTTP 404"),
        ("jp", "top-free", None),
        ("jp", "top-paid", None),
    ]
    assert told[-1] == (4, 4)
    raise_if_network_is_down(fetches)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(
    settings: Settings, httpserver: HTTPServer, status: int
) -> None:
    answers = [Response(status=status, headers={"Retry-After": "1"}), Response(b"{}")]
    httpserver.expect_request(PATH).respond_with_handler(lambda _: answers.pop(0))
    (fetch,) = fetch_charts(FEED, settings, NOW)
    assert fetch.error is None
    assert answers == []


def test_patience_has_an_end(settings: Settings, httpserver: HTTPServer) -> None:
    asked = []

    def refuse(request: Request) -> Response:
        asked.append(request.path)
        return Response(status=500)

    httpserver.expect_request(PATH).respond_with_handler(refuse)
    fetches = fetch_charts(FEED, settings, NOW)
    assert fetches[0].error == "HTTP 500"
    assert len(asked) == 3
    with pytest.raises(NetworkDown, match="HTTP 500"):
        raise_if_network_is_down(fetches)


def test_what_is_not_there_is_not_asked_for_again(
    settings: Settings, httpserver: HTTPServer
) -> None:
    asked = []

    def refuse(request: Request) -> Response:
        asked.append(request.path)
        return Response(status=404)

    feed = FEED.model_copy(update={"limit": 10})
    httpserver.expect_request(PATH.replace("25", "10")).respond_with_handler(refuse)
    assert fetch_charts(feed, settings, NOW)[0].error == "HTTP 404"
    assert len(asked) == 1


def test_where_a_limit_is_refused_less_is_asked_for(
    settings: Settings, httpserver: HTTPServer
) -> None:
    asked = []

    def answer(request: Request) -> Response:
        asked.append(int(request.path.split("/")[-2]))
        return Response(b"{}", status=200 if asked[-1] <= 25 else 400)

    feed = FEED.model_copy(update={"limit": 100})
    httpserver.expect_request(re.compile("/api/.*")).respond_with_handler(answer)
    (fetch,) = fetch_charts(feed, settings, NOW)
    assert asked == [100, 50, 25]
    assert (fetch.error, fetch.limit) == (None, 25)
    assert present(fetch.url).endswith("/us/apps/top-free/25/apps.json")


def test_a_body_that_trickles_is_given_up(
    settings: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple_charts, "LONGEST_ANSWER_SECONDS", 0.2)

    def trickle() -> Iterator[bytes]:
        for _ in range(50):
            time.sleep(0.02)
            yield b" "

    httpserver.expect_request(PATH).respond_with_handler(lambda _: Response(trickle()))
    (fetch,) = fetch_charts(FEED, settings, NOW)
    assert fetch.error == "ReadTimeout: not done after 0.2 s"
    assert fetch.is_network_error


def test_a_body_without_an_end_is_no_chart(
    settings: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple_charts, "LARGEST_ANSWER_BYTES", 1000)
    httpserver.expect_request(PATH).respond_with_data(b"x" * 5000)
    (fetch,) = fetch_charts(FEED, settings, NOW)
    assert fetch.error == "DecodingError: more than 1000 bytes is no chart"
    assert not fetch.is_network_error


def test_redirects_in_a_circle_end(settings: Settings, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data(
        status=302, headers={"Location": httpserver.url_for(PATH)}
    )
    (fetch,) = fetch_charts(FEED, settings, NOW)
    assert present(fetch.error).startswith("TooManyRedirects")


def test_nobody_there(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = settings.model_copy(update={"apple_rss_base_url": f"http://127.0.0.1:{port}"})
    (fetch,) = fetch_charts(FEED, nobody, NOW)
    assert fetch.path is None
    assert present(fetch.error).startswith("ConnectError")
    assert fetch.is_network_error


def test_a_body_that_stops_half_way_is_a_failure(settings: Settings, cut_connections: str) -> None:
    asked = settings.model_copy(update={"apple_rss_base_url": cut_connections})
    (fetch,) = fetch_charts(FEED, asked, NOW)
    assert present(fetch.error).startswith("RemoteProtocolError")
    assert list(settings.archive_dir.rglob("*.json")) == []


def test_a_server_too_slow_is_given_up(
    settings: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple_charts, "_TIMEOUT", httpx.Timeout(0.1))

    def answer(_: Request) -> Response:
        time.sleep(0.5)
        return Response(b"{}")

    httpserver.expect_request(PATH).respond_with_handler(answer)
    (fetch,) = fetch_charts(FEED, settings, NOW)
    assert present(fetch.error).startswith("ReadTimeout")


def test_a_server_that_says_when_is_believed_up_to_a_minute() -> None:
    def error(**headers: str) -> httpx.HTTPStatusError:
        response = httpx.Response(429, headers=headers, request=httpx.Request("GET", "http://x"))
        return httpx.HTTPStatusError("busy", request=response.request, response=response)

    delay = apple_charts._retry_delay
    assert delay(error(**{"Retry-After": "7"})) == timedelta(seconds=7)
    assert delay(error(**{"Retry-After": "9999"})) == timedelta(seconds=60)
    assert delay(error(**{"Retry-After": "whenever"})) is True
    assert delay(error()) is True
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    waited = delay(error(**{"Retry-After": soon}))
    assert isinstance(waited, timedelta)
    assert timedelta(seconds=20) < waited <= timedelta(seconds=30)
    assert delay(error(**{"Retry-After": "Tue, 06 Jan 2026 10:00:00"})) == timedelta(0)
    assert delay(ValueError()) is False
