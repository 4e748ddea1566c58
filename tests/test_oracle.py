"""The oracle on cases small enough for pencil and paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import count
from typing import Any

import pytest

from tests.oracle import Event, Row, Rules, Segment, day_start, marts, wilson

DAILY = "fct_cohort_retention_daily"
WEEKLY = "fct_cohort_retention_weekly"
MONTHLY = "fct_cohort_retention_monthly"
CURVES = "fct_retention_curves"
GROWTH = "fct_growth_accounting"
ACTIVITY = "fct_app_activity_daily"

POOLED = Rules(segments=(), horizon_days=3)
ALL = ("all", "all", "all", "all")
IDS = count(1)


def ev(user: str, at: str, name: str = "open", **segment: str | None) -> Event:
    """Make an event of the app 'a' at an ISO instant of UTC."""
    return Event("a", user, f"e{next(IDS)}", name, datetime.fromisoformat(at), **segment)


def run(
    events: Iterable[Event],
    watermark: str,
    rules: Rules = POOLED,
    order: Callable[[Segment], int] = lambda values: 0,
) -> dict[str, list[Row]]:
    """Build the marts of the app 'a', of which nothing lacks: without the column that says so."""
    built = marts(events, {"a": date.fromisoformat(watermark)}, rules, order)
    return {
        name: rows if name == "int_app_users" else [row[:-1] for row in rows]
        for name, rows in built.items()
    }


def d(day: int, month: int = 1, year: int = 2026) -> date:
    """Return a date, of January 2026 unless told otherwise."""
    return date(year, month, day)


def cells(rows: Iterable[Row]) -> dict[tuple[Any, Any], Row]:
    """Return (cohort_date, n) -> (cohort, eligible, retained, returned, retained_24h)."""
    return {(row[1], row[6]): row[8:13] for row in rows}


def curve(built: Mapping[str, Sequence[Row]], definition: str, period: str) -> dict[Any, Row]:
    """Return period_n -> (n_end, eligible, retained, cohorts, completes_on)."""
    return {
        row[3]: (row[4], row[5], row[6], row[10], row[12])
        for row in built[CURVES]
        if row[1:3] == (definition, period)
    }


def test_day_zero_and_a_user_who_stays_silent() -> None:
    events = [ev("u", "2026-01-01T10:00"), ev("v", "2026-01-01T11:00"), ev("v", "2026-01-03T12:00")]
    built = run(events, "2026-01-04")
    # v's last event comes 49 h after the first: window 2
    assert built[DAILY] == [
        ("a", d(1), *ALL, 0, d(1), 2, 2, 2, 2, 2, True, d(1), d(2)),
        ("a", d(1), *ALL, 1, d(2), 2, 2, 0, 1, 0, True, d(2), d(3)),
        ("a", d(1), *ALL, 2, d(3), 2, 2, 1, 1, 1, True, d(3), d(4)),
        ("a", d(1), *ALL, 3, d(4), 2, 2, 0, 0, None, True, d(4), d(5)),
    ]
    assert curve(built, "unbounded_to_horizon", "day") == {
        0: (3, 2, 2, 1, d(4)),
        1: (3, 2, 1, 1, d(4)),
        2: (3, 2, 1, 1, d(4)),
        3: (3, 2, 0, 1, d(4)),
    }
    # with two of two, p = 1: low = n / (n + z²), high = 1
    low = round(2 / (2 + 1.959963984540054**2), 12)
    first = next(row for row in built[CURVES] if row[1:4] == ("classic", "day", 0))
    assert first == ("a", "classic", "day", 0, 0, 2, 2, 1.0, low, 1.0, 1, True, d(1))


def test_two_events_around_midnight_in_tokyo_are_two_days() -> None:
    # 23:59 on the first and 00:00 on the second of January
    events = [ev("u", "2026-01-01T14:59"), ev("u", "2026-01-01T15:00")]
    tokyo = run(events, "2026-01-03", replace(POOLED, timezone="Asia/Tokyo"))
    assert cells(tokyo[DAILY])[d(1), 1] == (1, 1, 1, 1, 0)
    assert cells(run(events, "2026-01-03")[DAILY])[d(1), 1] == (1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("at", "window_0", "window_1"), [("2026-01-02T09:59", 1, 0), ("2026-01-02T10:00", 1, 1)]
)
def test_the_next_window_opens_at_24_hours_sharp(at: str, window_0: int, window_1: int) -> None:
    built = cells(run([ev("u", "2026-01-01T10:00"), ev("u", at)], "2026-01-04")[DAILY])
    # the calendar does not see a difference
    assert built[d(1), 0] == (1, 1, 1, 1, window_0)
    assert built[d(1), 1] == (1, 1, 1, 1, window_1)


@pytest.mark.parametrize(
    ("week_start", "cohort", "n_of_sunday"),
    [("monday", d(29, 12, 2025), 0), ("sunday", d(28, 12, 2025), 1)],
)
def test_a_week_holds_a_years_end(week_start: str, cohort: date, n_of_sunday: int) -> None:
    # a Wednesday, and the Sunday after it
    events = [ev("u", "2025-12-31T12:00"), ev("u", "2026-01-04T12:00")]
    rules = Rules(segments=(), horizon_days=7, week_start=week_start)
    built = run(events, "2026-01-31", rules)
    assert {key: row[2] for key, row in cells(built[WEEKLY]).items()} == {
        (cohort, 0): 1,
        (cohort, 1): n_of_sunday,
    }
    # five weeks; the last one holds the watermark, a Saturday
    weeks = [row[2] for row in built[GROWTH] if row[1] == "week"]
    first = 5 if week_start == "monday" else 4
    assert weeks == [cohort, d(first), d(first + 7), d(first + 14), d(first + 21)]
    # four days later are the first window of 168 h, whatever the calendar says
    assert [row[12] for row in built[WEEKLY]] == [1, 0]
    # the cohort's week ends on the 4th or the 3rd; the first window closes a week later
    assert built[WEEKLY][0][14:] == ((d(4), d(11)) if week_start == "monday" else (d(3), d(10)))


def test_a_cohort_at_the_watermark_and_events_beyond_it() -> None:
    events = [
        ev("u", "2026-01-05T10:00"),
        ev("u", "2026-01-06T10:00"),
        ev("v", "2026-01-06T10:00"),
        ev("v", "2026-01-07T10:00"),
        ev("w", "2026-01-07T10:00"),
    ]
    built = run(events, "2026-01-06", replace(POOLED, horizon_days=1))
    assert cells(built[DAILY]) == {
        (d(5), 0): (1, 1, 1, 1, 1),
        (d(5), 1): (1, 1, 1, 1, None),
        (d(6), 0): (1, 1, 1, 1, None),
        (d(6), 1): (1, None, None, None, None),
    }
    assert curve(built, "classic", "day") == {0: (0, 2, 2, 2, d(5)), 1: (1, 1, 1, 1, d(6))}
    assert curve(built, "window_24h", "day") == {
        0: (0, 1, 1, 1, d(6)),
        1: (1, None, None, 0, d(7)),
    }
    # the week of the fifth is not over: a point with nothing to say
    week = next(row for row in built[CURVES] if row[1:3] == ("classic", "week"))
    assert week == ("a", "classic", "week", 0, 0, *[None] * 5, 0, False, d(11))


def test_an_app_without_watermark_or_with_events_beyond_it_only_yields_nothing() -> None:
    empty = {DAILY, WEEKLY, MONTHLY, CURVES, GROWTH, ACTIVITY, "int_app_users"}
    event = ev("u", "2026-01-05T10:00")
    assert marts([event], {}, POOLED, hash) == {name: [] for name in empty}
    assert run([event], "2026-01-04") == {name: [] for name in empty}


def test_three_windows_meet_in_a_day_of_25_hours() -> None:
    # 00:30 on the 25th of October; then 00:10, 12:00 and 23:45 of the long 26th
    events = [
        ev("u", "2025-10-24T22:30"),
        ev("u", "2025-10-25T22:10"),
        ev("u", "2025-10-26T11:00"),
        ev("u", "2025-10-26T22:45"),
    ]
    built = run(events, "2025-10-31", replace(POOLED, timezone="Europe/Berlin"))
    day = d(25, 10, 2025)
    assert cells(built[DAILY]) == {
        (day, 0): (1, 1, 1, 1, 1),
        (day, 1): (1, 1, 1, 1, 1),
        (day, 2): (1, 1, 0, 0, 1),
        (day, 3): (1, 1, 0, 0, 0),
    }
    # counted from the end of the 25th, 24 h end at 23:00 on the 26th, 48 h at 23:00 on the 27th
    assert [row[15] for row in built[DAILY]] == [d(day_n, 10, 2025) for day_n in (26, 27, 28, 29)]


def test_a_day_of_23_hours_lets_the_windows_close_a_day_later() -> None:
    events = [ev("u", "2025-03-29T12:00")]
    built = run(events, "2025-04-30", replace(POOLED, timezone="Europe/Berlin", horizon_days=1))
    # 24 h after the end of the 29th, it is 01:00 on the 31st
    assert [row[15] for row in built[DAILY]] == [d(31, 3, 2025), d(1, 4, 2025)]


@pytest.mark.parametrize(
    ("day", "timezone", "start"),
    [
        (d(1), "UTC", datetime(2026, 1, 1)),
        (d(1), "Asia/Tokyo", datetime(2025, 12, 31, 15)),
        (d(1), "Asia/Kathmandu", datetime(2025, 12, 31, 18, 15)),
        (d(1), "America/New_York", datetime(2026, 1, 1, 5)),
        (d(27, 10, 2025), "Europe/Berlin", datetime(2025, 10, 26, 23)),
        # the clocks went from 24:00 straight to 01:00
        (d(26, 4, 2024), "Africa/Cairo", datetime(2024, 4, 25, 22)),
        # the day that never was
        (d(30, 12, 2011), "Pacific/Apia", datetime(2011, 12, 30, 10)),
    ],
)
def test_a_day_begins_at_its_first_instant(day: date, timezone: str, start: datetime) -> None:
    assert day_start(day, timezone) == start


def test_cohort_events_start_the_clock_and_leave_the_others_out() -> None:
    rules = replace(
        POOLED,
        horizon_days=30,
        cohort_events={"a": frozenset({"signup"})},
        activity_events={"a": frozenset({"open"})},
    )
    events = [
        # looked around on Monday, signed up on Wednesday, came back on Thursday
        ev("u", "2026-01-05T10:00"),
        ev("u", "2026-01-07T10:00", "signup"),
        ev("u", "2026-01-08T09:00"),
        # never signed up
        ev("v", "2026-01-07T10:00"),
        # signed up, and was never active
        ev("w", "2026-01-07T12:00", "signup"),
        # opened first: active on the cohort date, but before every window
        ev("x", "2026-01-07T10:00"),
        ev("x", "2026-01-07T12:00", "signup"),
    ]
    built = run(events, "2026-02-28", rules)
    daily = cells(built[DAILY])
    assert {key[0] for key in daily} == {d(7)}
    assert daily[d(7), 0] == (3, 3, 1, 2, 1)
    assert daily[d(7), 1] == (3, 3, 1, 1, 0)
    # Monday's visit is in the cohort's week, but not why u counts there
    assert cells(built[WEEKLY])[d(5), 0] == (3, 3, 2, 2, 1)
    # growth and activity do not know of signups
    assert [row[2:8] for row in built[ACTIVITY][:4]] == [
        (1, 1, 1, 1.0, 1, 1),
        (0, 1, 1, 0.0, 0, 0),
        (2, 3, 3, 2 / 3, 2, 2),
        (1, 3, 3, 1 / 3, 0, 1),
    ]


def test_activity_of_the_week_before_the_cohort_date_counts_nowhere() -> None:
    rules = replace(POOLED, horizon_days=7, cohort_events={"a": frozenset({"signup"})})
    only_opens = replace(rules, activity_events={"a": frozenset({"open"})})
    events = [ev("u", "2026-01-05T10:00"), ev("u", "2026-01-07T10:00", "signup")]
    assert cells(run(events, "2026-01-31", only_opens)[WEEKLY])[d(5), 0] == (1, 1, 0, 0, 0)
    assert cells(run(events, "2026-01-31", rules)[WEEKLY])[d(5), 0] == (1, 1, 1, 1, 1)


def test_brackets_wait_for_their_last_period() -> None:
    rules = replace(POOLED, horizon_days=4, brackets={"day": [(1, 2), (3, 4), (4, 5)]})
    events = [
        ev("u", "2026-01-01T10:00"),
        ev("u", "2026-01-03T10:00"),
        ev("v", "2026-01-01T10:00"),
        ev("v", "2026-01-05T10:00"),
        ev("w", "2026-01-03T10:00"),
        ev("w", "2026-01-04T10:00"),
    ]
    # the cohort of the third completes 1..2 on the fifth, and 3..4 on the seventh
    built = run(events, "2026-01-05", rules)
    assert curve(built, "bracket", "day") == {1: (2, 3, 2, 2, d(3)), 3: (4, 2, 1, 1, d(5))}


def test_the_smallest_key_wins_among_the_first_events_of_one_instant() -> None:
    events = [
        ev("u", "2026-01-01T10:00", platform="ios"),
        ev("u", "2026-01-01T10:00", platform="web", country="JP"),
        ev("u", "2026-01-01T10:01", platform="android"),
    ]
    rules = replace(POOLED, segments=("country", "platform"), horizon_days=1)
    order: dict[Segment, int] = {("unknown", "ios"): 2, ("JP", "web"): 1, ("unknown", "android"): 0}
    rows = run(events, "2026-01-02", rules, order.__getitem__)[DAILY]
    assert {row[2:6] for row in rows} == {("web", "JP", "all", "all")}


def test_months_are_as_long_as_they_are_and_windows_are_30_days() -> None:
    events = [ev("u", "2026-01-31T10:00"), ev("u", "2026-02-01T10:00"), ev("u", "2026-03-02T10:00")]
    built = run(events, "2026-04-30", replace(POOLED, horizon_days=60))
    # the last event is 30 days after the first; n = 0 closes 30 days after January's end
    assert built[MONTHLY] == [
        ("a", d(1), *ALL, 0, d(1), 1, 1, 1, 1, 1, True, d(31), d(2, 3)),
        ("a", d(1), *ALL, 1, d(1, 2), 1, 1, 1, 1, 1, True, d(28, 2), d(1, 4)),
        ("a", d(1), *ALL, 2, d(1, 3), 1, 1, 1, 1, None, True, d(31, 3), d(1, 5)),
    ]


def test_growth_sorts_every_user_into_one_box() -> None:
    events = [
        ev("u", "2026-01-01T10:00"),
        ev("v", "2026-01-01T10:00"),
        ev("v", "2026-01-02T10:00"),
        ev("w", "2026-01-02T10:00"),
        ev("u", "2026-01-03T10:00"),
    ]
    rows = run(events, "2026-01-04")[GROWTH]
    # active, new, retained, resurrected, churned, quick ratio
    assert [row[2:9] for row in rows if row[1] == "day"] == [
        (d(1), 2, 2, 0, 0, 0, None),
        (d(2), 2, 1, 1, 0, 1, 1.0),
        (d(3), 1, 0, 0, 1, 2, 0.5),
        (d(4), 0, 0, 0, 0, 1, 0.0),
    ]
    # the watermark ends the week, and leaves the month without counts
    assert [row for row in rows if row[1] != "day"] == [
        ("a", "month", d(1), *[None] * 6, False, d(31)),
        ("a", "week", d(29, 12, 2025), 3, 3, 0, 0, 0, None, True, d(4)),
    ]


def test_wilson_stays_within_bounds() -> None:
    # 5 of 10, from the published tables
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=5e-5)
    assert wilson(0, 3)[0] == 0.0
    assert wilson(3, 3)[1] == 1.0


def test_users_are_those_with_activity_and_some_of_them_are_in_no_cohort() -> None:
    rules = replace(
        POOLED,
        activity_events={"a": frozenset({"open"})},
        cohort_events={"a": frozenset({"signup"})},
    )
    events = [
        ev("in a cohort", "2026-01-01T10:00", name="signup"),
        ev("in a cohort", "2026-01-02T10:00", name="open"),
        ev("in none", "2026-01-02T10:00", name="open"),
        ev("never active", "2026-01-02T10:00", name="signup"),
    ]
    assert run(events, "2026-01-05", rules)["int_app_users"] == [("a", 2, 1)]


def test_what_rests_on_a_missing_day_is_marked() -> None:
    events = [ev("u", "2026-01-01T10:00"), ev("v", "2026-01-02T11:00"), ev("u", "2026-01-04T12:00")]
    lacks = {"a": frozenset({d(2)})}
    built = marts(events, {"a": d(4)}, POOLED, lambda values: 0, lacks)
    triangle = {(row[1], row[6]): row[-1] for row in built[DAILY]}
    assert triangle == {
        **{(d(1), n): n == 1 for n in range(4)},
        **{(d(2), n): True for n in range(4)},
    }
    assert [
        (row[3], row[5], row[-1]) for row in built[CURVES] if row[1:3] == ("classic", "day")
    ] == [
        (0, 2, 1),
        (1, 2, 2),
        (2, 2, 1),
        (3, 1, 0),
    ]
    assert [row[-1] for row in built["fct_app_activity_daily"]] == [False, True, False, False]
    days = [row for row in built["fct_growth_accounting"] if row[1] == "day"]
    assert [row[-1] for row in days] == [False, True, True, False]
