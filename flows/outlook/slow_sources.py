"""Name the sources that lie so far behind their app's others that its numbers wait for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb


@dataclass(frozen=True, kw_only=True)
class SlowSource:
    """A source that holds its app back: the app's watermark, and its furthest source's last day.

    Days of the reporting zone.
    """

    source: str
    app_id: str
    watermark: date
    furthest_full_day: date

    def __str__(self) -> str:
        return (
            f"{self.source} holds {self.app_id} back: it reaches {self.watermark}, the app's "
            f"furthest source {self.furthest_full_day}. If it brings nothing more, give it "
            "ended: DATE."
        )


def slow_sources(con: duckdb.DuckDBPyConnection) -> list[SlowSource]:
    """One per app that waits for a source, as the last build has them; none where none was."""
    try:
        rows = con.execute(
            "select held_back_by, app_id, watermark, furthest_full_day "
            "from intermediate.int_app_watermarks where held_back_by is not null order by all"
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return []  # nothing is built yet, or by an older version
    return [
        SlowSource(source=source, app_id=app_id, watermark=watermark, furthest_full_day=furthest)
        for source, app_id, watermark, furthest in rows
    ]
