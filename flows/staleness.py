"""Find the sources that have brought nothing new for too long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from flows.sources import AnySource, EventSource

FEWEST_LANDINGS = 5
"""Days on which a source must have landed something before one can speak of its rhythm."""

RHYTHMS_MISSED = 4
"""So many of its usual gaps without news are a long silence, and at least SILENT_HOURS are."""

SILENT_HOURS = 7 * 24


@dataclass(frozen=True, kw_only=True)
class StaleSource:
    """A source without news; ``last_landed_at`` is naive UTC, None where nothing ever landed.

    ``stale_after_hours`` is what the sources file allows, or ``is_usual``: what follows from the
    gaps between its landings. ``app_id`` is the app whose watermark waits for its events.
    """

    source: str
    last_landed_at: datetime | None
    stale_after_hours: float
    hours: float | None
    is_usual: bool = False
    app_id: str | None = None

    def __str__(self) -> str:
        if self.last_landed_at is None:
            return f"{self.source}: nothing of it has landed yet."
        allowed = (
            f"{self.stale_after_hours:g} would be long for it"
            if self.is_usual
            else f"{self.stale_after_hours:g} are allowed"
        )
        waits = (
            f" It holds {self.app_id} back; if it brings nothing more, give it ended: DATE."
            if self.app_id
            else ""
        )
        return (
            f"{self.source}: nothing new has landed for {self.hours:.1f} hours (since "
            f"{self.last_landed_at:%Y-%m-%d %H:%M} UTC); {allowed}.{waits}"
        )


def stale_sources(
    con: duckdb.DuckDBPyConnection, sources: Iterable[AnySource], now: datetime
) -> list[StaleSource]:
    """Those of ``sources`` that have been silent for too long at ``now`` (naive UTC).

    Too long is ``stale_after_hours``, or where the sources file gives none, what would be long
    by the source's own rhythm. An extract counts from when it landed, also into quarantine; a chart
    that stood still counts as seen, one that could not be fetched does not. What is said to have
    ended is never stale.
    """
    rows: list[tuple[str, datetime, float | None]] = con.execute(
        """
        with

        landings as (
            select source, landed_at from raw.extracts where status <> 'failed'
            union all
            select source, landed_at from raw.chart_snapshots where status <> 'failed'
        ),

        days as (
            select source, landed_at::date as day, max(landed_at) as landed_at
            from landings
            group by all
        ),

        gaps as (
            select
                source,
                landed_at,
                epoch(landed_at - lag(landed_at) over (partition by source order by day)) / 3600
                    as hours,
            from days
        )

        select
            source,
            max(landed_at),
            if(count(*) >= $fewest, median(hours), null),
        from gaps
        group by source
        """,
        {"fewest": FEWEST_LANDINGS},
    ).fetchall()
    known = {source: (landed_at, gap) for source, landed_at, gap in rows}
    stale = []
    for source in sources:
        last, gap = known.get(source.name, (None, None))
        allowed = source.stale_after_hours
        if allowed is None and gap is not None:
            allowed = max(SILENT_HOURS, RHYTHMS_MISSED * gap)
        events = source if isinstance(source, EventSource) else None
        if allowed is None or (events and events.ended):
            continue
        hours = (now - last).total_seconds() / 3600 if last else None
        if hours is None or hours > allowed:
            stale.append(
                StaleSource(
                    source=source.name,
                    last_landed_at=last,
                    stale_after_hours=round(allowed, 1),
                    hours=hours,
                    is_usual=source.stale_after_hours is None,
                    app_id=events.app_id if events else None,
                )
            )
    return stale
