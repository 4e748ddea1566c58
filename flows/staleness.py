"""Find the sources that have brought nothing new for longer than the sources file allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from flows.sources import AnySource


@dataclass(frozen=True, kw_only=True)
class StaleSource:
    """A source without news; ``last_landed_at`` is naive UTC, None where nothing ever landed."""

    source: str
    last_landed_at: datetime | None
    stale_after_hours: float
    hours: float | None

    def __str__(self) -> str:
        if self.last_landed_at is None:
            return f"{self.source}: nothing of it has landed yet."
        return (
            f"{self.source}: nothing new has landed for {self.hours:.1f} hours (since "
            f"{self.last_landed_at:%Y-%m-%d %H:%M} UTC); {self.stale_after_hours:g} are allowed."
        )


def stale_sources(
    con: duckdb.DuckDBPyConnection, sources: Iterable[AnySource], now: datetime
) -> list[StaleSource]:
    """Those of ``sources`` with a ``stale_after_hours`` that has passed at ``now`` (naive UTC).

    An extract counts from when it landed, also into quarantine; a chart that stood still counts
    as seen, one that could not be fetched does not.
    """
    rows: list[tuple[str, datetime]] = con.execute(
        """
        select source, max(landed_at) from (
            select source, landed_at from raw.extracts where status <> 'failed'
            union all
            select source, landed_at from raw.chart_snapshots where status <> 'failed'
        ) group by source
        """
    ).fetchall()
    last_landed = dict(rows)
    stale = []
    for source in sources:
        if source.stale_after_hours is None:
            continue
        last = last_landed.get(source.name)
        hours = (now - last).total_seconds() / 3600 if last else None
        if hours is None or hours > source.stale_after_hours:
            stale.append(
                StaleSource(
                    source=source.name,
                    last_landed_at=last,
                    stale_after_hours=source.stale_after_hours,
                    hours=hours,
                )
            )
    return stale
