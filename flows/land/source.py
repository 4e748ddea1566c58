"""Land every new extract of one source, so that a broken one stops none of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import duckdb

from flows.errors import ExtractError
from flows.extract.apple_charts import Fetch
from flows.extract.files import between
from flows.extract.found import Extract, Found
from flows.extract.places import Places
from flows.land import ledger
from flows.land.batches import batches, land_unbroken
from flows.land.charts import land_chart_fetches, land_chart_files, record_failed_snapshots
from flows.land.events import land_events
from flows.land.ledger import Landed, Seen
from flows.land.names import by_name
from flows.land.reports import land_reports
from flows.settings import Settings
from flows.sources import AnyFiles, ChartFeed, ChartFiles, EventSource

Advance = Callable[[int, int], None]
"""Called with (extracts done, extracts in all) while a source lands."""


Landing = Callable[..., dict[str, Landed]]


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
    on_new: Callable[[], None] = lambda: None,
) -> SourceLanding:
    """Land the files of ``source`` that the ledger does not know yet; ``days`` narrows them.

    ``on_new`` is called before each batch of files whose content is new.

    A file whose size and modification time (or ETag) are unchanged is not even read; one whose
    content was landed before under another name is read for its checksum, once. Where the mapping
    asks for the file's name, that is part of its content.
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
        extracts = _identified(con, batch, source, places, failed)
        if extracts:
            on_new()
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
    """Land what a live feed gave: a snapshot for every chart asked for, failed ones too.

    A payload that cannot be read, or is of another chart than was asked for, is a failed snapshot.
    """
    payloads = {
        fetch: ledger.identify_fetch(fetch.path, feed)
        for fetch in fetches
        if fetch.path is not None
    }
    asked = {payload.extract_id: fetch for fetch, payload in payloads.items()}
    new, _ = _new_and_known(con, list(payloads.values()))
    landed: dict[str, Landed] = {}
    broken: dict[str, Exception] = {}
    for batch in batches(new):
        some, others = land_unbroken(
            batch,
            lambda these: land_chart_fetches(con, [(p, asked[p.extract_id]) for p in these], now),
        )
        landed |= some
        broken |= others
    for payload in new:
        if payload.extract_id in broken:
            ledger.record_failure(con, payload, str(broken[payload.extract_id]), now)
    failures = []
    for fetch in fetches:
        if fetch not in payloads:
            failures.append((fetch, fetch.error or "no answer"))
        elif error := broken.get(payloads[fetch].extract_id):
            failures.append((fetch, str(error)))
    record_failed_snapshots(con, feed, failures, now)
    return SourceLanding(
        source=feed.name,
        landed=landed,
        failed=tuple(
            f"{feed.name}: {fetch.storefront}/{fetch.chart}: {error}" for fetch, error in failures
        ),
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
    source: AnyFiles,
    places: Places,
    failed: list[str],
) -> list[Extract]:
    """Read each file once for its checksum, and leave out those whose content is known."""
    identified: list[Extract] = []
    for extract in places.identify(batch):
        if isinstance(extract, tuple):
            failed.append(places.scrubbed(extract[1]))
        else:
            identified.append(by_name(extract, source))
    new, known = _new_and_known(con, identified)
    ledger.mark_seen(con, known)
    return new


def _new_and_known(
    con: duckdb.DuckDBPyConnection, extracts: Sequence[Extract]
) -> tuple[list[Extract], list[Extract]]:
    """The extracts whose content is to land, and those whose content the ledger or another has."""
    recorded = ledger.recorded(con, [extract.extract_id for extract in extracts])
    new: dict[str, Extract] = {}
    known: list[Extract] = []
    for extract in extracts:
        if extract.extract_id in recorded or extract.extract_id in new:
            known.append(extract)
        else:
            new[extract.extract_id] = extract
    return list(new.values()), known


def _land(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: AnyFiles,
    settings: Settings,
    now: datetime,
    places: Places,
    failed: list[str],
) -> dict[str, Landed]:
    """Land extracts together, without those that are broken: they are recorded as failed."""
    landed, broken = land_unbroken(
        extracts, lambda these: land_together(con, these, source, settings, now, places)
    )
    for extract in extracts:
        if extract.extract_id in broken:
            told = places.scrubbed(broken[extract.extract_id])
            ledger.record_failure(con, extract, told, now)
            failed.append(told)
    return landed


def land_together(
    con: duckdb.DuckDBPyConnection,
    extracts: Sequence[Extract],
    source: AnyFiles,
    settings: Settings,
    now: datetime,
    places: Places,
    *,
    again: bool = False,
) -> dict[str, Landed]:
    """Land extracts in one transaction, whatever kind they are of: all of them or nothing.

    ``again`` says that they have landed before: what they had landed is removed in that
    transaction. Raises ExtractError, or BrokenExtracts, where a file cannot be read.
    """
    land: Landing
    if isinstance(source, EventSource):
        land = partial(land_events, con, extracts, source)
    elif isinstance(source, ChartFiles):
        land = partial(land_chart_files, con, extracts, source)
    else:
        land = partial(land_reports, con, extracts, source)
    return land(settings, now, places.stream, again=again)
