"""Mixpanel: seconds in UTC, or in the project's time zone."""

from __future__ import annotations

from datetime import datetime

from tests.formats.conftest import Fixture, Home


def test_lands_canonical_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.ndjson").write_bytes(fixture("mixpanel/good.ndjson"))
    assert home.land("mixpanel", "a.ndjson").failed == ()
    rows = home.events()
    assert [row[:7] for row in rows] == [
        (
            home.user("$device:p1"),
            "Open",
            datetime(2026, 1, 5, 9),
            "android",
            "BR",
            "1.2",
            "tv",
        ),
        (home.user("cleo"), "Sign Up", datetime(2026, 1, 5, 9, 1), "android", "BR", None, None),
        (home.user("4711"), "Open", datetime(2026, 1, 6, 9), None, None, None, None),
    ]
    assert rows[2][7] == '{"time":1767690000,"distinct_id":4711,"$insert_id":"m3"}'


def test_seconds_in_the_project_s_zone_become_utc(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.ndjson").write_bytes(fixture("mixpanel/good.ndjson"))
    home.land("mixpanel", "a.ndjson", export_timezone="America/Los_Angeles")
    assert home.events()[0][2] == datetime(2026, 1, 5, 17)


def test_a_merged_device_is_its_user(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.ndjson").write_bytes(fixture("mixpanel/good.ndjson"))
    home.land("mixpanel", "a.ndjson", identity="merged")
    assert home.rows("select alias_key, user_key from raw.user_aliases") == [
        (home.user("$device:p1"), home.user("cleo"))
    ]


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.ndjson").write_bytes(fixture("mixpanel/corrupt.ndjson"))
    landing = home.land("mixpanel", "a.ndjson")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 6)
    (_, not_understood), *others = home.rejects()
    assert not_understood.startswith("event time not understood: ")
    assert others == [
        (3, "no user id"),
        (4, "no event name"),
        (5, "no user id"),
        (6, "not a JSON object"),
        (7, "no user id"),
    ]
