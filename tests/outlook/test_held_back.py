"""A verdict says which source its app waits for, and names no date that has passed."""

from __future__ import annotations

from datetime import date

from flows.outlook.held_back import name_slow_source
from flows.outlook.slow_sources import SlowSource
from flows.outlook.verdict import Verdict

SLOW = SlowSource(
    source="old_backend",
    app_id="chat",
    watermark=date(2024, 2, 28),
    furthest_full_day=date(2024, 5, 30),
)


def verdict(next_on: date | None, reasons: tuple[str, ...] = ("A.", "B.", "C.")) -> Verdict:
    return Verdict(
        app_id="chat",
        as_of=date(2024, 2, 28),
        word="too_early",
        confidence=None,
        reasons=reasons,
        would_change="More days.",
        next_on=next_on,
        next_step="when events up to a day have landed",
    )


def test_the_source_is_the_third_reason_at_most_and_the_first_thing_to_wait_for() -> None:
    named = name_slow_source(verdict(None), SLOW)
    assert named.reasons[:2] == ("A.", "B.")
    assert named.reasons[2] == (
        "Source old_backend holds the app back: it reaches 2024-02-28, the others 2024-05-30."
    )
    assert named.next_step.startswith("when source old_backend has brought what is missing")
    assert named.next_step.endswith("when events up to a day have landed")
    assert len(name_slow_source(verdict(None, ()), SLOW).reasons) == 1


def test_a_day_that_other_sources_have_reached_is_none_to_wait_for() -> None:
    assert name_slow_source(verdict(date(2024, 5, 30)), SLOW).next_on is None
    assert name_slow_source(verdict(date(2024, 5, 31)), SLOW).next_on == date(2024, 5, 31)


def test_an_app_that_waits_for_nobody_keeps_its_verdict() -> None:
    before = verdict(date(2024, 3, 1))
    assert name_slow_source(before, None) is before
