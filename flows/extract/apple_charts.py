"""Fetch Apple's live charts: politely, with the verbatim payload archived before it is read."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
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
LONGEST_ANSWER_SECONDS = 60.0
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024

LIMITS = (100, 50, 25, 10)
"""How many entries the feed gives. Where it refuses one, the next smaller is asked for."""

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_REFUSALS = frozenset({"HTTP 400", "HTTP 404", "HTTP 422"})


class NetworkDown(AfterhypeError):
    """Not one chart could be fetched, and every reason was the network. ``fetches`` say which."""

    def __init__(self, fetches: list[Fetch]) -> None:
        super().__init__(f"no chart could be fetched: {fetches[0].error}")
        self.fetches = fetches

    def __reduce__(self) -> tuple[type[NetworkDown], tuple[list[Fetch]]]:
        return NetworkDown, (self.fetches,)  # Prefect hands errors on pickled


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """One request for one chart: where its payload was archived, or why there is none.

    ``limit`` is what was asked for in the end, ``url`` where. ``fetched_at`` is naive UTC.
    """

    storefront: str
    chart: str
    limit: int
    fetched_at: datetime
    url: str | None = None
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
        httpx.Client(timeout=_TIMEOUT, headers=headers, follow_redirects=True) as client,
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


def archived(feed: ChartFeed, settings: Settings, start: date, end: date) -> list[Fetch]:
    """The archived payloads of a feed's charts that were fetched from ``start`` to ``end``."""
    fetches = []
    for storefront in feed.storefronts:
        for chart in feed.charts:
            folder = settings.archive_dir / "apple_rss" / storefront / chart
            for path in sorted(folder.glob("*/*Z-*.json")):
                stamp, _, limit = path.stem.partition("Z-")
                try:
                    at = datetime.strptime(f"{path.parent.name} {stamp}", "%Y-%m-%d %H%M%S")
                    asked = int(limit)
                except ValueError:
                    continue  # not a name that the archive gives
                if start <= at.date() <= end:
                    fetches.append(
                        Fetch(
                            storefront=storefront,
                            chart=chart,
                            limit=asked,
                            fetched_at=at,
                            path=path,
                        )
                    )
    return fetches


def raise_if_network_is_down(fetches: list[Fetch]) -> None:
    """Raise NetworkDown when every fetch failed for the network's sake: worth a later try."""
    if fetches and all(fetch.is_network_error for fetch in fetches):
        raise NetworkDown(fetches)


def _fetch(
    client: httpx.Client,
    feed: ChartFeed,
    storefront: str,
    chart: str,
    settings: Settings,
    now: datetime,
) -> Fetch:
    """Ask for a chart; where its limit is refused, for less of it."""
    limits = (feed.limit, *(limit for limit in LIMITS if limit < feed.limit))
    refusals = []
    for limit in limits:
        url = f"{settings.apple_rss_base_url}/api/v2/{storefront}/apps/{chart}/{limit}/apps.json"
        asked = Fetch(storefront=storefront, chart=chart, limit=limit, fetched_at=now, url=url)
        fetch = _ask(client, asked, settings.archive_dir)
        if fetch.error is None or fetch.error not in _REFUSALS:
            return fetch
        refusals.append(fetch)
    return refusals[0]


def _ask(client: httpx.Client, asked: Fetch, archive: Path) -> Fetch:
    try:
        payload = _get(client, asked.url or "")
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        network = status in _RETRIED_STATUSES
        return replace(asked, error=f"HTTP {status}", is_network_error=network)
    except httpx.HTTPError as error:
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        return replace(asked, error=told, is_network_error=isinstance(error, httpx.TransportError))
    return replace(asked, path=_archive(archive, asked, payload))


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
def _get(client: httpx.Client, url: str) -> bytes:
    """The body of a chart. A body that trickles in for too long, or has no end, is an error."""
    give_up_at = time.monotonic() + LONGEST_ANSWER_SECONDS
    body = bytearray()
    with client.stream("GET", url) as response:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER_BYTES:
                raise httpx.DecodingError(f"more than {LARGEST_ANSWER_BYTES} bytes is no chart")
            if time.monotonic() > give_up_at:
                raise httpx.ReadTimeout(f"not done after {LONGEST_ANSWER_SECONDS:g} s")
    return bytes(body)


def _archive(archive: Path, fetch: Fetch, payload: bytes) -> Path:
    """Keep the bytes as they came; a payload is complete once it bears its name."""
    folder = archive / "apple_rss" / fetch.storefront / fetch.chart / f"{fetch.fetched_at:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fetch.fetched_at:%H%M%S}Z-{fetch.limit}.json"
    aside = path.with_suffix(".partial")
    aside.write_bytes(payload)
    return aside.replace(path)
