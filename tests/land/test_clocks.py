"""Wrong clocks: what lies before an app's history is rejected, and fast ones do not extend it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from random import Random

import duckdb
import pytest

from tests import oracle
from tests.land.conftest import Land

ONE_DAY = timedelta(days=1)

Seen = tuple[str, datetime]

FIRST = datetime(2026, 1, 1, 8)
CUT = datetime(2026, 1, 11, 6)
"""When the exports below were written: in the morning of a day."""


def csv(seen: list[Seen]) -> str:
    lines = [f"{user},{at:%Y-%m-%dT%H:%M:%SZ},open,{n}" for n, (user, at) in enumerate(seen)]
    return "\n".join(["who,at,what,id", *lines]) + "\n"


def every_day(users: int, days: int, first: datetime = FIRST) -> list[Seen]:
    return [(f"u{n}", first + timedelta(days=d)) for d in range(days) for n in range(users)]


def morning(users: int) -> list[Seen]:
    return [(f"m{n}", CUT - timedelta(minutes=n)) for n in range(users)]


def reaches(con: duckdb.DuckDBPyConnection) -> list[datetime]:
    return [at for (at,) in con.execute("select reaches from raw.extracts order by 1").fetchall()]


@pytest.mark.parametrize("users", [1, 2, 8, 300])
@pytest.mark.parametrize("fast_by", [timedelta(hours=2), timedelta(hours=20), timedelta(hours=23)])
def test_a_fast_clock_does_not_make_an_unfinished_day_a_full_one(
    con: duckdb.DuckDBPyConnection, land: Land, users: int, fast_by: timedelta
) -> None:
    right = every_day(users, 10) + morning(max(2, users // 10))
    land("right.csv", csv(right))
    land("fast.csv", csv([*right, ("fast", CUT + fast_by)]))
    assert {at.date() for at in reaches(con)} == {CUT.date()}


@pytest.mark.parametrize("fast", [1, 2, 3])
def test_of_many_users_some_clocks_are_fast(
    con: duckdb.DuckDBPyConnection, land: Land, fast: int
) -> None:
    clocks = [(f"fast{n}", CUT + timedelta(hours=9 + n)) for n in range(fast)]
    land("a.csv", csv(every_day(300, 10) + morning(50) + clocks))
    assert [at.date() for at in reaches(con)] == [CUT.date()]


def test_more_users_than_that_are_the_next_day(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    next_day = [(f"n{n}", CUT + timedelta(days=1, minutes=n)) for n in range(5)]
    land("a.csv", csv(every_day(300, 10) + morning(50) + next_day))
    assert [at.date() for at in reaches(con)] == [CUT.date() + timedelta(days=1)]


def test_an_old_export_of_a_busy_app_holds_a_clock_that_is_days_ahead(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land("a.csv", csv([*every_day(8, 10), ("fast", FIRST + timedelta(days=18))]))
    assert [at.date() for at in reaches(con)] == [date(2026, 1, 10)]


def test_the_last_user_of_a_quiet_app_may_come_alone(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land("a.csv", csv([*every_day(3, 2), ("u0", FIRST + timedelta(days=9))]))
    assert reaches(con) == [FIRST + timedelta(days=8)]


def test_an_app_that_has_lost_its_users_is_followed_to_the_end(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    rush = every_day(300, 12)
    after = every_day(6, 16, FIRST + timedelta(days=12))
    last = every_day(3, 1, FIRST + timedelta(days=28))
    land("a.csv", csv(rush + after + last))
    assert reaches(con) == [FIRST + timedelta(days=28)]


def test_rows_of_nobody_show_how_far_an_export_reaches(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    nobodys = [("undefined", FIRST + timedelta(days=2, hours=n)) for n in range(4)]
    land("a.csv", csv(every_day(2, 2) + nobodys))
    assert [at.date() for at in reaches(con)] == [FIRST.date() + timedelta(days=2)]


def test_nothing_reaches_beyond_its_landing(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    land("a.csv", csv([*every_day(8, 10), *morning(2)]), now=CUT - timedelta(hours=3))
    assert reaches(con) == [CUT - timedelta(hours=3)]


@pytest.mark.parametrize("users", [1, 2])
def test_of_one_or_two_users_nobody_knows_better(
    con: duckdb.DuckDBPyConnection, land: Land, users: int
) -> None:
    land("a.csv", csv([*every_day(users, 3), ("u0", FIRST + timedelta(days=3))]))
    assert reaches(con) == [FIRST + timedelta(days=3)]


def rejected(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return con.execute("select line_number, reason from raw.rejects order by 1").fetchall()


@pytest.mark.parametrize("year", [1994, 2005, 2024])
@pytest.mark.parametrize("users", [3, 40])
def test_a_clock_that_was_never_set_does_not_begin_the_history(
    con: duckdb.DuckDBPyConnection, land: Land, users: int, year: int
) -> None:
    never_set = ("u1", datetime(year, 1, 1))
    _, landed = land("a.csv", csv([never_set, *every_day(users, 3)]))
    assert (landed.rows_rejected, landed.min_event_time) == (1, FIRST)
    ((line, reason),) = rejected(con)
    assert line == 2
    assert reason.startswith("event time over a year before all others of its extract: ")
    assert f"{year}-01-01" in reason
    assert "earliest_event" in reason


def test_of_thousands_of_users_several_clocks_were_never_set(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    never_set = [(f"u{n}", datetime(2005, 1, 1 + n)) for n in range(3)]
    _, landed = land("a.csv", csv(never_set + every_day(3_000, 1)))
    assert landed.rows_rejected == 3


@pytest.mark.parametrize(
    "earlier",
    [
        [(f"b{n}", datetime(2024, 1, 1)) for n in range(2)],  # more than one of thirty
        [("b0", FIRST - timedelta(days=200 * n)) for n in range(1, 8)],  # never away for a year
        [("b0", FIRST - timedelta(days=364))],
    ],
)
def test_a_history_that_begins_quietly_is_kept(
    con: duckdb.DuckDBPyConnection, land: Land, earlier: list[Seen]
) -> None:
    _, landed = land("a.csv", csv(earlier + every_day(30, 3)))
    assert rejected(con) == []
    assert landed.min_event_time == min(at for _, at in earlier)


def test_two_users_may_be_years_apart(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    land("a.csv", csv([("a", datetime(2005, 1, 1)), ("b", FIRST)]))
    assert rejected(con) == []


@pytest.mark.parametrize(
    ("earliest_event", "kept"), [(date(2005, 1, 1), 2), (date(2005, 1, 2), 1), (FIRST.date(), 1)]
)
def test_the_source_may_say_when_its_history_begins(
    con: duckdb.DuckDBPyConnection, land: Land, earliest_event: date, kept: int
) -> None:
    seen = [("a", datetime(2005, 1, 1)), *every_day(30, 1)]
    _, landed = land("a.csv", csv(seen), earliest_event=earliest_event)
    assert landed.rows_landed == 30 + kept - 1
    assert [reason for _, reason in rejected(con)] == [
        "event time before earliest_event: 2005-01-01 00:00:00"
    ] * (2 - kept)


def test_each_extract_of_a_batch_is_judged_by_itself(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land("old.csv", csv(every_day(30, 3, datetime(2005, 1, 1))))
    land("new.csv", csv(every_day(30, 3)))
    assert rejected(con) == []
    assert [at.year for at in reaches(con)] == [2005, 2026]


def test_drawn_extracts_reach_as_far_as_the_oracle_says(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    """Of apps with few users and many, some of which have clocks that are fast by hours or days."""
    random = Random(7)
    drawn: Counter[str] = Counter()
    expected = {}
    for number in range(80):
        users = random.choice([1, 2, 3, 6, 40, 250])
        seen = [
            (f"u{random.randrange(users)}", FIRST + timedelta(hours=random.randrange(24 * 20)))
            for _ in range(random.choice([2, 20, 400]))
        ]
        fast_by = timedelta(hours=random.choice([0, 3, 20, 24 * 5]))
        last = max(at for _, at in seen)
        seen += [(f"fast{n}", last + fast_by) for n in range(random.choice([0, 1, 2, 4]))]
        events = [
            oracle.Event(app_id="chat", user=user, event_id=str(n), name="open", time=at)
            for n, (user, at) in enumerate(seen)
        ]
        extract_id, _ = land(f"{number}.csv", csv(seen))
        expected[extract_id] = oracle.reach(events)
        drawn["before the latest"] += expected[extract_id] < max(at for _, at in seen)
        drawn["a day before it"] += expected[extract_id] == max(at for _, at in seen) - ONE_DAY
        drawn["the latest"] += expected[extract_id] == max(at for _, at in seen)
    found = con.execute("select extract_id, reaches from raw.extracts").fetchall()
    assert dict(found) == expected
    assert min(drawn[case] for case in ("before the latest", "the latest")) >= 10
    assert drawn["a day before it"] >= 3
