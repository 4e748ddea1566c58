"""GA4: NDJSON and Parquet of nested rows without ids; a table's newer version replaces it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import duckdb

from tests.formats.conftest import Fixture, Home


def expected(home: Home) -> list[tuple[Any, ...]]:
    login = (
        home.user("dora"),
        "login",
        datetime(2026, 1, 5, 9, 1),
        "android",
        "Kenya",
        None,
        None,
        "{}",
    )
    first = (
        home.user("dev.1"),
        "first_open",
        datetime(2026, 1, 5, 9, 0, 0, 1),
        "android",
        "Kenya",
        "3.1",
        "google-play",
        '{"ga_session_id":17,"page":"the \\"first\\"","share":0.5}',
    )
    return [first, login, login]


def test_ndjson_lands_canonical_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.json").write_bytes(fixture("ga4/good.ndjson"))
    assert home.land("ga4", "a.json").failed == ()
    assert home.events() == expected(home)


def test_parquet_lands_the_same_rows(home: Home, fixture: Fixture) -> None:
    (home.folder / "good.json").write_bytes(fixture("ga4/good.ndjson"))
    columns = """{
        'event_timestamp': 'bigint', 'event_name': 'varchar',
        'event_params': 'struct("key" varchar, "value" struct(string_value varchar,
            int_value bigint, float_value double, double_value double))[]',
        'user_id': 'varchar', 'user_pseudo_id': 'varchar', 'geo': 'struct(country varchar)',
        'app_info': 'struct("version" varchar)', 'traffic_source': 'struct("source" varchar)',
        'platform': 'varchar'
    }"""
    duckdb.execute(
        f"copy (from read_json('{home.folder}/good.json', columns = {columns})) "
        f"to '{home.folder}/a.parquet'"
    )
    assert home.land("ga4", "a.parquet").failed == ()
    assert home.events() == expected(home)


def test_a_newer_version_of_a_day_replaces_the_older(home: Home, fixture: Fixture) -> None:
    path = home.folder / "events_20260105.json"
    first, *logins = fixture("ga4/good.ndjson").splitlines(keepends=True)
    path.write_bytes(first + logins[0])
    home.land("ga4", path.name)
    before = home.events()
    late = json.loads(logins[0]) | {"event_name": "purchase"}
    path.write_bytes(logins[0] + json.dumps(late).encode() + b"\n")
    home.land("ga4", path.name)
    assert [row[1] for row in before] == ["first_open", "login"]
    assert [row[1] for row in home.events()] == ["login", "purchase"]
    assert home.rows("select status, count(*) from raw.extracts group by all order by all") == [
        ("discarded", 1),
        ("landed", 1),
    ]


def test_bad_rows_are_rejected_with_their_line(home: Home, fixture: Fixture) -> None:
    (home.folder / "a.json").write_bytes(fixture("ga4/corrupt.ndjson"))
    landing = home.land("ga4", "a.json")
    assert landing.failed == ()
    assert (landing.rows_landed, landing.rows_rejected) == (2, 5)
    assert home.rejects() == [
        (2, "event time not understood: 2026-01-05"),
        (3, "no user id"),
        (4, "event time before 1990: 1970-01-01 00:29:27.6036"),
        (6, "no event name"),
        (7, "not a JSON object"),
    ]
