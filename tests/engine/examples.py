"""Worlds made by hand, of what chance would bring about too rarely."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from tests.engine.worlds import Change, Extract, Link, World
from tests.oracle import Event


def _event(app_id: str, user: str, name: str, time: datetime) -> Event:
    return Event(app_id=app_id, user=user, event_id=f"{user} {time}", name=name, time=time)


def _signed_in_after_a_pruning() -> World:
    """Somebody whose anonymous days are pruned turns out to be known, and then again not."""
    app_id = "plain_00"
    before = _event(app_id, "anonymous", "open", datetime(2026, 1, 1))
    after = _event(app_id, "known", "open", datetime(2026, 3, 1))
    signed_in = _event(app_id, "known", "open", datetime(2026, 3, 2))
    return World(
        app_id=app_id,
        extracts=(
            Extract("first", (before, after)),
            Extract("second", (signed_in,), (Link("anonymous", "known", signed_in.time),)),
        ),
        steps=(
            (Change("declare", day=date(2026, 3, 5)), Change("land", "first")),
            (Change("prune"), Change("land", "second")),
            (Change("quarantine", "second"),),
        ),
    )


def _on_a_day_of_25_hours() -> World:
    """A day that meets two windows of 24 hours, where what starts a cohort is no activity.

    One user is active before the start and in the second window only, the other in the first; a
    second signup in the second window is no activity either, nor is it once the day is pruned.
    """
    app_id = "strict_00"
    begins, ends = datetime(2025, 10, 25, 22), datetime(2025, 10, 26, 22)
    rows = (
        ("second", "open", begins),
        ("second", "signup", begins.replace(minute=5)),
        ("second", "open", ends.replace(minute=55)),
        ("first", "signup", begins.replace(minute=5)),
        ("first", "open", begins.replace(minute=10)),
        ("first", "signup", ends.replace(minute=30)),
    )
    events = tuple(_event(app_id, *row) for row in rows)
    return World(
        app_id=app_id,
        extracts=(Extract("first", events[::2]), Extract("second", events[1::2])),
        steps=(
            (Change("declare", day=date(2025, 12, 1)), Change("land", "first")),
            (Change("land", "second"),),
            (Change("prune"),),
        ),
    )


def _pruned_up_to_a_midnight_that_comes_twice() -> World:
    """An event of the first midnight's hour is one of the day that stays."""
    app_id = "plain_00"
    rows = (
        ("a", "open", datetime(2025, 11, 2, 3, 59)),  # the last minute of the day that goes
        ("a", "open", datetime(2025, 11, 2, 4)),
        ("a", "open", datetime(2025, 11, 2, 5)),  # an hour later, and midnight again
        ("b", "open", datetime(2025, 11, 2, 4, 30)),
    )
    return World(
        app_id=app_id,
        extracts=(Extract("first", tuple(_event(app_id, *row) for row in rows)),),
        steps=(
            (Change("declare", day=date(2025, 11, 26)), Change("land", "first")),
            (Change("prune"),),
        ),
    )


EXAMPLES: Mapping[str, tuple[World, ...]] = {
    "Berlin, weeks from Sunday": (_signed_in_after_a_pruning(), _on_a_day_of_25_hours()),
    "Havana, where midnight comes twice, or not at all": (
        _pruned_up_to_a_midnight_that_comes_twice(),
    ),
}
"""By the name of the rules under which they are tried."""
