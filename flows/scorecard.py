"""Read the published scorecard and put its numbers into words, for terminal and artifact alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flows.published import query
from flows.settings import Settings

DAYS = (1, 7, 30, 60)

ScorecardRow = Mapping[str, Any]


def read_scorecard(settings: Settings) -> list[ScorecardRow]:
    """One mapping per tracked app, keyed by the columns of marts.app_scorecard."""
    columns, rows = query(settings, "select * from marts.app_scorecard order by app_name")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def users_in_words(row: ScorecardRow) -> str:
    """How many users, or a dash where no event has landed: unknown is not none."""
    return "–" if row["users"] is None else f"{row['users']:,}"


def retention_in_words(row: ScorecardRow, day: int) -> str:
    """Such as ``10.1 % (9.6–10.7)``, or what the number waits for: a day to
    come, or the events of one that is over."""
    if row[f"d{day}_is_complete"]:
        rate, low, high = (100 * row[f"d{day}_{part}"] for part in ("rate", "ci_low", "ci_high"))
        return f"{rate:.1f} % ({low:.1f}–{high:.1f})"
    completes_on = row[f"d{day}_completes_on"]
    if completes_on is None:
        return "no users yet"
    # a day that is over will not come again: what lacks are its events
    is_to_come = completes_on >= datetime.now(UTC).date()
    return f"not before {completes_on}" if is_to_come else f"needs {completes_on}"


def rank_in_words(row: ScorecardRow, which: str) -> str:
    """The ``peak`` or ``latest`` rank; a dash where the app was never on a chart."""
    if row["peak_rank"] is None:
        return "–"
    if which == "peak":
        return f"{row['peak_rank']} ({row['peak_storefront']}, {row['peak_rank_date']:%b %d %Y})"
    if row["latest_rank"] is not None:
        return str(row["latest_rank"])
    return str(row["latest_rank_state"]).replace("_", " ")


def verdict_in_words(row: ScorecardRow) -> str:
    """Such as ``spike (99 %)``, the confidence in brackets, or ``too early``."""
    word = str(row["verdict"]).replace("_", " ")
    sure = confidence_in_words(row["verdict_confidence"])
    return f"{word} ({sure})" if sure else word


def confidence_in_words(confidence: float | None) -> str:
    """Such as ``93 %``, at most ``99 %``: nobody is surer; nothing where there is none."""
    return "" if confidence is None else f"{min(99, round(100 * confidence))} %"
