"""Read which days an app's sources lack, and say what of its retention rests on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from flows.report.wording import count, day, listed, percent

TABLES = ("fct_missing_days",)


@dataclass(frozen=True)
class MissingSpan:
    """Neighbouring days of which a source has not brought what its history expects."""

    source: str
    first_day: date
    last_day: date
    days: int


@dataclass(frozen=True)
class MissingDays:
    """What one app lacks; ``shares`` maps day n to the share of eligible users it touches."""

    spans: tuple[MissingSpan, ...]
    shares: dict[int, float]

    def of_day(self, day_n: int) -> str | None:
        """The mark beside the retention of a day n; None where no cell of it is touched."""
        share = self.shares.get(day_n)
        return f"{percent(share)} of them around missing days" if share else None

    @property
    def sentence(self) -> str:
        """Which days lack, by source."""
        said = listed(
            [
                f"{span.source} {day(span.first_day)}"
                + (f" to {day(span.last_day)}" if span.days > 1 else "")
                for span in self.spans
            ]
        )
        total = sum(span.days for span in self.spans)
        days = "1 day lacks" if total == 1 else f"{count(total)} days lack"
        return (
            f"{days} what the source's own history expects: {said}. Counts that rest on them may "
            "be too low, and those who started then are seen later, or never."
        )


def read_missing_days(con: duckdb.DuckDBPyConnection) -> dict[str, MissingDays]:
    """By app_id; an app of which nothing lacks is not among them."""
    spans: dict[str, list[MissingSpan]] = {}
    for app_id, *span in con.execute(
        """
        with

        islands as (
            select
                *,
                missing_date
                - row_number() over (partition by source order by missing_date)::integer as island,
            from marts.fct_missing_days
        )

        select app_id, source, min(missing_date), max(missing_date), count(*)
        from islands
        group by app_id, source, island
        order by app_id, min(missing_date), source
        """
    ).fetchall():
        spans.setdefault(app_id, []).append(MissingSpan(*span))
    shares: dict[str, dict[int, float]] = {}
    for app_id, day_n, share in con.execute(
        """
        select app_id, period_n, users_missing_days / eligible_users
        from marts.fct_retention_curves
        where definition = 'classic' and period = 'day' and users_missing_days > 0
        """
    ).fetchall():
        shares.setdefault(app_id, {})[day_n] = share
    return {
        app_id: MissingDays(tuple(found), shares.get(app_id, {})) for app_id, found in spans.items()
    }
