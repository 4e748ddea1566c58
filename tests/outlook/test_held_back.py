"""A verdict says what its app waits for or lacks, and names no date that has passed."""

from __future__ import annotations

from datetime import date

from flows.outlook.held_back import Lack, with_notes
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
    named = with_notes(verdict(None), SLOW, None)
    assert named.reasons[:2] == ("A.", "B.")
    assert named.reasons[2] == (
        "Source old_backend holds the app back: it reaches 2024-02-28, the others 2024-05-30."
    )
    assert named.next_step.startswith("when source old_backend has brought what is missing")
    assert named.next_step.endswith("when events up to a day have landed")
    assert len(with_notes(verdict(None, ()), SLOW, None).reasons) == 1


def test_a_day_that_other_sources_have_reached_is_none_to_wait_for() -> None:
    assert with_notes(verdict(date(2024, 5, 30)), SLOW, None).next_on is None
    assert with_notes(verdict(date(2024, 5, 31)), SLOW, None).next_on == date(2024, 5, 31)


def test_an_app_that_lacks_nothing_keeps_its_verdict() -> None:
    before = verdict(date(2024, 3, 1))
    assert with_notes(before, None, None) == before


def test_missing_days_are_the_last_reason() -> None:
    lack = Lack(days=5, first=date(2024, 3, 10), last=date(2024, 3, 14))
    assert with_notes(verdict(None), None, lack).reasons == (
        "A.",
        "B.",
        "5 days are missing (2024-03-10 to 2024-03-14): rates that rest on them may be too low.",
    )
    both = with_notes(verdict(None), SLOW, lack).reasons
    assert both[0] == "A."
    assert both[1].startswith("Source old_backend")
    assert both[2].startswith("5 days are")
    one = Lack(days=1, first=date(2024, 3, 10), last=date(2024, 3, 10))
    assert with_notes(verdict(None, ()), None, one).reasons == (
        "1 day is missing (2024-03-10): rates that rest on them may be too low.",
    )
