"""Land every new extract of one source, so that a broken one stops none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from flows.errors import ExtractError
from flows.extract.apple_charts import Fetch
from flows.extract.files import between, list_files
from flows.land import ledger
from flows.land.charts import land_chart_fetch, land_chart_file
from flows.land.events import land_events
from flows.land.ledger import Extract, Landed
from flows.settings import Settings
from flows.sources import ChartFeed, ChartFiles, EventSource

Advance = Callable[[int, int], None]
"""Called with (extracts done, extracts in all) while a source lands."""


def _silently(_done: int, _total: int) -> None:
    """The progress of somebody who does not want to know."""


@dataclass(frozen=True, kw_only=True)
class SourceLanding:
    """What one source came to: ``landed`` by extract id, ``failed`` messages, ``known`` skipped.

    ``unchanged`` counts the charts that were fetched and had not moved.
    """

    source: str
    landed: dict[str, Landed]
    failed: tuple[str, ...] = ()
    known: int = 0
    unchanged: int = 0

    @property
    def rows_landed(self) -> int:
        return sum(outcome.rows_landed for outcome in self.landed.values())

    @property
    def rows_duplicate(self) -> int:
        return sum(outcome.rows_duplicate for outcome in self.landed.values())

    @property
    def rows_rejected(self) -> int:
        return sum(outcome.rows_rejected for outcome in self.landed.values())


def land_files(
    con: duckdb.DuckDBPyConnection,
    source: EventSource | ChartFiles,
    settings: Settings,
    now: datetime,
    *,
    days: tuple[date, date] | None = None,
    advance: Advance = _silently,
) -> SourceLanding:
    """Land the files of ``source`` that the ledger does not know yet; ``days`` narrows them.

    A file whose size and modification time are unchanged is not even read; one whose content was
    landed before under another name is read for its checksum only.
    """
    try:
        paths = list_files(source, settings.sources, settings.home)
    except ExtractError as error:
        return SourceLanding(source=source.name, landed={}, failed=(str(error),))
    if days:
        paths = between(paths, *days)
    seen = ledger.unchanged_files(con, source.name)
    landed: dict[str, Landed] = {}
    failed: list[str] = []
    for done, path in enumerate(paths):
        advance(done, len(paths))
        try:
            if seen.get(str(path)) == _size_and_time(path):
                continue
            extract = _identify(source, path)
            if not ledger.is_recorded(con, extract.extract_id):
                landed[extract.extract_id] = _land(con, extract, source, settings, now)
        except (ExtractError, OSError) as error:
            failed.append(str(error))
    advance(len(paths), len(paths))
    return SourceLanding(
        source=source.name,
        landed=landed,
        failed=tuple(failed),
        known=len(paths) - len(landed) - len(failed),
        unchanged=ledger.unchanged_charts(con, list(landed)),
    )


def land_fetches(
    con: duckdb.DuckDBPyConnection,
    feed: ChartFeed,
    fetches: Sequence[Fetch],
    now: datetime,
) -> SourceLanding:
    """Land what a live feed gave: a snapshot for every chart asked for, failed ones too."""
    landed: dict[str, Landed] = {}
    failed: list[str] = []
    for fetch in fetches:
        outcome = land_chart_fetch(con, fetch, feed, now)
        if outcome.error:
            failed.append(f"{feed.name}: {fetch.storefront}/{fetch.chart}: {outcome.error}")
        if outcome.extract_id and outcome.landed:
            landed[outcome.extract_id] = outcome.landed
    return SourceLanding(
        source=feed.name,
        landed=landed,
        failed=tuple(failed),
        unchanged=ledger.unchanged_charts(con, list(landed)),
    )


def _identify(source: EventSource | ChartFiles, path: Path) -> Extract:
    kind = "events" if isinstance(source, EventSource) else "ranks"
    return ledger.identify(path, source=source.name, kind=kind, format=source.format)


def _land(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    source: EventSource | ChartFiles,
    settings: Settings,
    now: datetime,
) -> Landed:
    if isinstance(source, EventSource):
        return land_events(con, extract, source, settings, now)
    return land_chart_file(con, extract, source, now)


def _size_and_time(path: Path) -> tuple[int, datetime]:
    stat = path.stat()
    return stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC).replace(tzinfo=None)
