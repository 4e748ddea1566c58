"""Land every new extract of one source, so that a broken one stops none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from flows.errors import ExtractError
from flows.extract.apple_charts import Fetch
from flows.extract.files import between
from flows.extract.found import Extract, Found
from flows.extract.places import Places
from flows.land import ledger
from flows.land.batches import batches
from flows.land.charts import land_chart_fetch, land_chart_file
from flows.land.events import land_events
from flows.land.ledger import Landed, Seen
from flows.land.reports import land_report
from flows.settings import Settings
from flows.sources import AnyFiles, ChartFeed, ChartFiles, EventSource

Advance = Callable[[int, int], None]
"""Called with (extracts done, extracts in all) while a source lands."""


def _silently(_done: int, _total: int) -> None:
    """The progress of somebody who does not want to know."""


@dataclass(frozen=True, kw_only=True)
class SourceLanding:
    """What one source came to: ``landed`` by extract id, ``failed`` messages, ``known`` skipped.

    ``unchanged`` counts the charts that were fetched and had not moved, ``undated`` the files that
    a backfill left out because neither their name nor a folder tells their day.
    """

    source: str
    landed: dict[str, Landed]
    failed: tuple[str, ...] = ()
    known: int = 0
    unchanged: int = 0
    undated: int = 0

    def plus(self, later: SourceLanding) -> SourceLanding:
        """This and a later landing of the same source as one."""
        return SourceLanding(
            source=self.source,
            landed=self.landed | later.landed,
            failed=tuple(dict.fromkeys(self.failed + later.failed)),
            known=self.known + later.known,
            unchanged=self.unchanged + later.unchanged,
            undated=max(self.undated, later.undated),  # each part counts the same ones
        )

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
    source: AnyFiles,
    settings: Settings,
    now: datetime,
    *,
    days: tuple[date, date] | None = None,
    advance: Advance = _silently,
) -> SourceLanding:
    """Land the files of ``source`` that the ledger does not know yet; ``days`` narrows them.

    A file whose size and modification time (or ETag) are unchanged is not even read; one whose
    content was landed before under another name is read for its checksum, once.
    """
    places = Places(source)
    try:
        found = places.find(settings)
        places.let_duckdb_read(con)
    except ExtractError as error:
        return SourceLanding(source=source.name, landed={}, failed=(places.scrubbed(error),))
    undated = 0
    if days:
        found, undated = between(found, *days)
    seen = ledger.seen_files(con, source.name)
    new = [one for one in found if not _is_unchanged(one, seen.get(one.uri))]
    landed: dict[str, Landed] = {}
    failed: list[str] = []
    done = len(found) - len(new)
    for batch in batches(new):
        advance(done, len(found))
        extracts = _identified(con, batch, places, failed)
        landed |= _land(con, extracts, source, settings, now, places, failed)
        done += len(batch)
    advance(done, len(found))
    return SourceLanding(
        source=source.name,
        landed=landed,
        failed=tuple(failed),
        known=len(found) - len(landed) - len(failed),
        unchanged=ledger.unchanged_charts(con, list(landed)),
        undated=undated,
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


def _is_unchanged(found: Found, seen: Seen | None) -> bool:
    if seen is None or found.bytes != seen.bytes:
        return False
    if found.etag and seen.etag:
        return found.etag == seen.etag
    return found.modified_at == seen.modified_at


def _identified(
    con: duckdb.DuckDBPyConnection,
    batch: Sequence[Found],
    places: Places,
    failed: list[str],
) -> list[Extract]:
    """Read each file once for its checksum, and leave out those whose content is known."""
    extracts: dict[str, Extract] = {}
    for extract in places.identify(batch):
        if isinstance(extract, tuple):
            failed.append(places.scrubbed(extract[1]))
        elif ledger.is_recorded(con, extract.extract_id) or extract.extract_id in extracts:
            ledger.mark_seen(con, extract)
        else:
            extracts[extract.extract_id] = extract
    return list(extracts.values())


def _land(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: AnyFiles,
    settings: Settings,
    now: datetime,
    places: Places,
    failed: list[str],
) -> dict[str, Landed]:
    """Land extracts together; where that fails, one by one, so that only the broken ones fail."""
    if isinstance(source, EventSource) and len(extracts) > 1:
        try:
            return land_events(con, extracts, source, settings, now, places.stream)
        except ExtractError:
            pass  # which of them it is shows when they land alone
    landed: dict[str, Landed] = {}
    for extract in extracts:
        try:
            landed |= _land_one(con, extract, source, settings, now, places)
        except (ExtractError, OSError) as error:
            told = places.scrubbed(error)
            ledger.record_failure(con, extract, told, now)
            failed.append(told)
    return landed


def _land_one(
    con: duckdb.DuckDBPyConnection,
    extract: Extract,
    source: AnyFiles,
    settings: Settings,
    now: datetime,
    places: Places,
) -> dict[str, Landed]:
    if isinstance(source, EventSource):
        return land_events(con, [extract], source, settings, now, places.stream)
    if isinstance(source, ChartFiles):
        landed = land_chart_file(con, extract, source, settings, now, places.stream)
    else:
        landed = land_report(con, extract, source, settings, now, places.stream)
    return {extract.extract_id: landed}
