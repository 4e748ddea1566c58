"""Which stretches of a source's time are holes in what it has delivered, and which are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.land.coverage import find_holes
from flows.sources import Sources
from flows.warehouse import create_schemas

START = datetime(2026, 1, 5)  # a Monday
DAYS = 60

Users = Callable[[datetime], int]


def steady(hour: datetime) -> int:
    """Ten users in each waking hour."""
    return 10 if 8 <= hour.hour < 20 else 0


def at_work(hour: datetime) -> int:
    return steady(hour) if hour.weekday() < 5 else 0


def on_mondays(hour: datetime) -> int:
    return steady(hour) if hour.weekday() == 0 else 0


def at_midnight(hour: datetime) -> int:
    """A source that gives days, not times."""
    return 120 if hour.hour == 0 else 0


def sources(quiet: Iterable[date] = (), timezone: str = "UTC") -> Sources:
    return Sources.model_validate(
        {
            "timezone": timezone,
            "apps": [{"app_id": "chat", "name": "Chat"}],
            "events": [
                {
                    "name": "web",
                    "app_id": "chat",
                    "format": "mixpanel",
                    "uri": "x",
                    "quiet_days": list(quiet),
                }
            ],
        }
    )


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    create_schemas(con)
    con.execute("insert into raw.event_sources (source, app_id) values ('web', 'chat')")
    return con


def deliver(con: duckdb.DuckDBPyConnection, hours: dict[datetime, int]) -> None:
    """Let the source have landed these users by the hour, in one extract."""
    con.execute("delete from raw.extracts")
    con.execute("delete from raw.extract_hours")
    counted = {hour: users for hour, users in hours.items() if users}
    con.execute(
        """
        insert into raw.extract_hours
        select 'e', unnest($hours::timestamp[]), unnest($users::integer[])
        """,
        {"hours": list(counted), "users": list(counted.values())},
    )
    con.execute(
        """
        insert into raw.extracts by name
        select 'e' as extract_id, 'web' as source, 'events' as kind, 'mixpanel' as format,
            'x' as uri, 'c' as checksum, 1 as bytes, max(hour) as modified_at, 9 as rows_seen,
            9 as rows_landed, 0 as rows_rejected, 0 as rows_duplicate, max(hour) as max_event_time,
            'landed' as status, max(hour) as landed_at, max(hour) as reaches
        from raw.extract_hours
        """
    )


def history(users: Users, days: int = DAYS) -> dict[datetime, int]:
    return {
        hour: users(hour)
        for hour in (START + timedelta(hours=number) for number in range(24 * days))
    }


def without(
    hours: dict[datetime, int], first: int, days: float, strays: int = 0
) -> dict[datetime, int]:
    """A history that lacks days; of each lacking hour with users so many strays are there."""
    begins = START + timedelta(days=first)
    ends = begins + timedelta(days=days)
    return {
        hour: min(users, strays) if begins <= hour < ends else users
        for hour, users in hours.items()
    }


def holes(
    con: duckdb.DuckDBPyConnection, hours: dict[datetime, int], declared: Sources | None = None
) -> list[tuple[datetime, datetime]]:
    deliver(con, hours)
    find_holes(con, declared or sources())
    return con.execute(
        "select starts_at, ends_at from raw.missing_spans order by starts_at"
    ).fetchall()


def day(number: int, hour: int = 0) -> datetime:
    return START + timedelta(days=number, hours=hour)


@pytest.mark.parametrize("users", [steady, at_work, on_mondays, at_midnight])
def test_nights_weekends_and_quiet_weekdays_are_no_holes(
    con: duckdb.DuckDBPyConnection, users: Users
) -> None:
    assert holes(con, history(users)) == []


@pytest.mark.parametrize(
    ("users", "first", "days", "expected"),
    [
        (steady, 40, 5, (day(40, 8), day(44, 20))),
        (steady, 40, 1, (day(40, 8), day(40, 20))),
        (steady, 20, 35, (day(20, 8), day(54, 20))),
        (at_midnight, 40, 2, (day(40), day(41, 1))),
        (at_work, 38, 6, (day(38, 8), day(43, 20))),  # Thursday to Tuesday
        (on_mondays, 42, 1, (day(42, 8), day(42, 20))),
    ],
)
def test_what_the_weeks_before_had_and_a_stretch_has_not_is_one(
    con: duckdb.DuckDBPyConnection,
    users: Users,
    first: int,
    days: int,
    expected: tuple[datetime, datetime],
) -> None:
    assert holes(con, without(history(users), first, days)) == [expected]


def test_the_last_day_of_all_can_follow_a_hole(con: duckdb.DuckDBPyConnection) -> None:
    assert holes(con, without(history(steady), DAYS - 4, 3)) == [
        (day(DAYS - 4, 8), day(DAYS - 2, 20))
    ]


def test_a_few_strays_do_not_hide_a_hole(con: duckdb.DuckDBPyConnection) -> None:
    def busy(hour: datetime) -> int:
        return 10 * steady(hour)

    expected = [(day(40, 8), day(44, 20))]
    assert holes(con, without(history(busy), 40, 5, strays=5)) == expected
    assert holes(con, without(history(busy), 40, 5, strays=6)) == []


def test_few_users_may_stay_away(con: duckdb.DuckDBPyConnection) -> None:
    def alone(hour: datetime) -> int:
        return 1 if hour.hour == 12 else 0

    assert holes(con, without(history(alone), 40, 5)) == []


def test_an_app_that_fades_has_no_hole_and_one_that_is_cut_has(
    con: duckdb.DuckDBPyConnection,
) -> None:
    def fades(hour: datetime) -> int:
        return int(steady(hour) * 100 * 0.8 ** (hour - START).days)

    assert holes(con, history(fades)) == []
    trickle = without(history(steady), 30, 30, strays=0)
    trickle[day(DAYS - 1, 12)] = 1  # one user a month later: it has ended
    assert holes(con, trickle) == []


def test_half_a_day_is_a_hole_and_two_hours_are_none(con: duckdb.DuckDBPyConnection) -> None:
    morning = history(steady)
    for hour in range(8, 14):
        morning[day(40, hour)] = 0
    assert holes(con, morning) == [(day(40, 8), day(40, 14))]
    short = history(steady)
    short[day(40, 12)] = short[day(40, 13)] = 0
    assert holes(con, short) == []


def test_quiet_days_are_those_of_the_reporting_zone(con: duckdb.DuckDBPyConnection) -> None:
    hours = without(history(steady), 40, 1)
    quiet = day(40).date()
    assert holes(con, hours, sources([quiet])) == []
    assert holes(con, hours, sources([quiet + timedelta(days=1)])) != []
    # from 8 to 20 UTC it is evening and the next day in Auckland
    assert holes(con, hours, sources([quiet + timedelta(days=1)], "Pacific/Auckland")) == []


def test_what_landed_before_hours_were_recorded_hides_what_is_before_it(
    con: duckdb.DuckDBPyConnection,
) -> None:
    deliver(con, without(history(steady), 40, 5))
    con.execute(
        """
        insert into raw.extracts by name
        select * replace ('old' as extract_id, $until::timestamp as max_event_time)
        from raw.extracts
        """,
        {"until": day(45, 12)},
    )
    find_holes(con, sources())
    assert con.execute("from raw.missing_spans").fetchall() == []


def test_what_is_held_back_lacks(con: duckdb.DuckDBPyConnection) -> None:
    deliver(con, history(steady))
    con.execute(
        """
        update raw.extract_hours set extract_id = 'held'
        where hour >= $first and hour < $last
        """,
        {"first": day(40), "last": day(42)},
    )
    con.execute(
        """
        insert into raw.extracts by name
        select * replace ('held' as extract_id, 'quarantined' as status) from raw.extracts
        """
    )
    find_holes(con, sources())
    found = "select starts_at, ends_at from raw.missing_spans"
    assert con.execute(found).fetchall() == [(day(40, 8), day(41, 20))]
    con.execute("update raw.extracts set status = 'landed'")
    find_holes(con, sources())
    assert con.execute(found).fetchall() == []


@settings(max_examples=40, deadline=None)
@given(first=st.integers(14, 50), days=st.integers(1, 9), level=st.integers(4, 400))
def test_whole_days_that_lack_are_found_whole(first: int, days: int, level: int) -> None:
    con = duckdb.connect(config={"threads": 1})
    con.execute("set TimeZone = 'UTC'")
    create_schemas(con)
    con.execute("insert into raw.event_sources (source, app_id) values ('web', 'chat')")
    days = min(days, DAYS - 1 - first)

    def users(hour: datetime) -> int:
        weekend = 2 if hour.weekday() >= 5 else 1
        return level * steady(hour) // (10 * weekend)

    assert holes(con, without(history(users), first, days)) == [
        (day(first, 8), day(first + days - 1, 20))
    ]
    con.close()
