"""Fetch Apple's live charts: politely, with the verbatim payload archived before it is read."""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import stamina

from flows.errors import AfterhypeError
from flows.settings import Settings
from flows.sources import ChartFeed

AT_ONCE = 2
"""Requests under way at the same time; the feed is a courtesy, not a service."""

ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 60.0

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


class NetworkDown(AfterhypeError):
    """Not one chart could be fetched, and every reason was the network."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """One request for one chart: where its payload was archived, or why there is none.

    ``fetched_at`` is naive UTC.
    """

    storefront: str
    chart: str
    limit: int
    fetched_at: datetime
    path: Path | None = None
    error: str | None = None
    is_network_error: bool = False


def fetch_charts(
    feed: ChartFeed,
    settings: Settings,
    now: datetime,
    advance: Callable[[int, int], None] | None = None,
) -> list[Fetch]:
    """Request every storefront times every chart of a feed, in their order.

    A request that fails is a Fetch with an error, after retries on 429, 5xx and network errors.
    """
    wanted = [(storefront, chart) for storefront in feed.storefronts for chart in feed.charts]
    headers = {"User-Agent": "afterhype (chart capture)", "Accept": "application/json"}
    with (
        httpx.Client(
            timeout=_TIMEOUT,
            headers=headers,
            follow_redirects=True,
            base_url=settings.apple_rss_base_url,
        ) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        requests = {
            pool.submit(_fetch, client, feed, storefront, chart, settings, now): position
            for position, (storefront, chart) in enumerate(wanted)
        }
        fetches: dict[int, Fetch] = {}
        for request in as_completed(requests):
            fetches[requests[request]] = request.result()
            if advance:
                advance(len(fetches), len(wanted))
    return [fetches[position] for position in range(len(wanted))]


def raise_if_network_is_down(fetches: list[Fetch]) -> None:
    """Raise NetworkDown when every fetch failed for the network's sake: worth a later try."""
    if fetches and all(fetch.is_network_error for fetch in fetches):
        raise NetworkDown(f"no chart could be fetched: {fetches[0].error}")


def _fetch(
    client: httpx.Client,
    feed: ChartFeed,
    storefront: str,
    chart: str,
    settings: Settings,
    now: datetime,
) -> Fetch:
    blank = Fetch(storefront=storefront, chart=chart, limit=feed.limit, fetched_at=now)
    try:
        payload = _get(client, f"/api/v2/{storefront}/apps/{chart}/{feed.limit}/apps.json")
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        return _failed(blank, f"HTTP {status}", is_network_error=status in _RETRIED_STATUSES)
    except httpx.HTTPError as error:
        return _failed(blank, f"{type(error).__name__}: {error}".rstrip(": "), True)
    return Fetch(
        storefront=storefront,
        chart=chart,
        limit=feed.limit,
        fetched_at=now,
        path=_archive(settings.archive_dir, blank, payload),
    )


def _failed(blank: Fetch, error: str, is_network_error: bool) -> Fetch:
    return Fetch(
        storefront=blank.storefront,
        chart=blank.chart,
        limit=blank.limit,
        fetched_at=blank.fetched_at,
        error=error,
        is_network_error=is_network_error,
    )


def _retry_delay(error: Exception) -> bool | timedelta:
    """Whether to try again; a server that says when is believed, up to a minute."""
    if not isinstance(error, httpx.HTTPStatusError):
        return isinstance(error, httpx.TransportError)
    if error.response.status_code not in _RETRIED_STATUSES:
        return False
    seconds = _retry_after(error.response.headers.get("Retry-After", ""))
    return True if seconds is None else timedelta(seconds=min(seconds, LONGEST_WAIT_SECONDS))


def _retry_after(header: str) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date."""
    if header.isdecimal():
        return float(header)
    try:
        until = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is None:  # HTTP dates are GMT, said or not
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


@stamina.retry(on=_retry_delay, attempts=ATTEMPTS, wait_initial=1.0, wait_max=20.0, timeout=180.0)
def _get(client: httpx.Client, path: str) -> bytes:
    response = client.get(path)
    response.raise_for_status()
    return response.content


def _archive(archive: Path, fetch: Fetch, payload: bytes) -> Path:
    """Keep the bytes as they came; a payload is complete once it bears its name."""
    folder = archive / "apple_rss" / fetch.storefront / fetch.chart / f"{fetch.fetched_at:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fetch.fetched_at:%H%M%S}Z-{fetch.limit}.json"
    aside = path.with_suffix(".partial")
    aside.write_bytes(payload)
    return aside.replace(path)
