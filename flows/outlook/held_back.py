"""Say with a verdict what its app waits for or lacks: a slow source, days that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from flows.outlook.slow_sources import SlowSource
from flows.outlook.verdict import Verdict

MOST_REASONS = 3


@dataclass(frozen=True, kw_only=True)
class Lack:
    """How many reporting days of an app are missing in part, the first and the last of them."""

    days: int
    first: date
    last: date


def with_notes(verdict: Verdict, slow: SlowSource | None, lack: Lack | None) -> Verdict:
    """The verdict with what is wrong with its data among its reasons, as the last of them.

    Of a slow source also as what to wait for, without a date that has passed already: one that
    other sources have reached is none to wait for. Days of the reporting zone.
    """
    notes: list[str] = []
    if slow is not None:
        notes.append(
            f"Source {slow.source} holds the app back: it reaches {slow.watermark}, the others "
            f"{slow.furthest_full_day}."
        )
        verdict = _waiting(verdict, slow)
    if lack is not None:
        when = f"{lack.first}" if lack.first == lack.last else f"{lack.first} to {lack.last}"
        days = "1 day is" if lack.days == 1 else f"{lack.days} days are"
        notes.append(f"{days} missing ({when}): rates that rest on them may be too low.")
    return replace(verdict, reasons=_within(verdict.reasons, notes))


def _within(reasons: Sequence[str], notes: Sequence[str]) -> tuple[str, ...]:
    return (*reasons[: MOST_REASONS - len(notes)], *notes)


def _waiting(verdict: Verdict, slow: SlowSource) -> Verdict:
    has_passed = verdict.next_on is not None and verdict.next_on <= slow.furthest_full_day
    return replace(
        verdict,
        next_on=None if has_passed else verdict.next_on,
        next_step=(
            f"when source {slow.source} has brought what is missing, or the sources file says that "
            f"it has ended (ended: DATE); {verdict.next_step}"
        ),
    )
