"""What exports do in the wild: separators, clocks, zones, and identifiers of every kind."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from flows.settings import Settings
from tests.land.conftest import NOW, Land

HEADER = "who,at,what,id\n"


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()


def test_crlf_trailing_commas_and_quoted_newlines(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    _, landed = land(
        "a.csv",
        'who,at,what,id\r\nu1,2026-01-01,"two\r\nlines",1,\r\nu2,2026-01-01,open,2,\r\n',
    )
    assert (landed.rows_landed, landed.rows_rejected) == (2, 0)
    assert rows(con, "select event_name from raw.app_events order by 1") == [
        ("open",),
        ("two\r\nlines",),
    ]


@pytest.mark.parametrize(
    "user",
    [
        "o'brien",
        'say "hi"',
        "a;b|c\\d",
        "🦄 emoji",
        "%_*?[x]",
        "x" * 10_000,
        "nullable",
        "' or 1=1 --",
        "{'json': 1}",
        "\u202egnirts",
        "tab\there",
    ],
)
def test_any_identifier_is_one_user(con: duckdb.DuckDBPyConnection, land: Land, user: str) -> None:
    quoted = user.replace('"', '""')
    text = "".join(f'"{quoted}",2026-01-0{n},"{quoted}",{n}\n' for n in (1, 2))
    _, landed = land("a.csv", HEADER + text)
    assert (landed.rows_landed, landed.rows_rejected) == (2, 0)
    assert rows(con, "select count(distinct user_key) from raw.app_events") == [(1,)]
    assert rows(con, "select distinct event_name from raw.app_events") == [(user,)]


def test_clocks_in_the_future_and_before_1990(
    con: duckdb.DuckDBPyConnection, land: Land, settings: Settings
) -> None:
    soon = NOW + timedelta(hours=settings.future_tolerance_hours)
    text = (
        f"u,{soon},open,1\nu,{soon + timedelta(seconds=1)},open,2\n"
        "u,1990-01-01,open,3\nu,1989-12-31 23:59:59,open,4\nu,0000-00-00,open,5\n"
    )
    _, landed = land("a.csv", HEADER + text)
    assert (landed.rows_landed, landed.rows_rejected) == (2, 3)
    assert [row[0].split(":")[0] for row in rows(con, "select reason from raw.rejects")] == [
        "event time in the future",
        "event time before 1990",
        "event time not understood",
    ]


def test_a_source_says_how_far_its_clocks_may_be_ahead(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    soon = NOW + timedelta(minutes=10)
    text = f"u,{NOW},open,1\nu,{soon},open,2\nu,{soon + timedelta(seconds=1)},open,3\n"
    _, landed = land("a.csv", HEADER + text, future_tolerance_minutes=10)
    assert (landed.rows_landed, landed.rows_rejected) == (2, 1)
    (reason,) = rows(con, "select reason from raw.rejects")[0]
    assert reason.startswith("event time in the future: ")
    _, none = land("b.csv", HEADER + text, future_tolerance_minutes=0, source="strict")
    assert none.rows_rejected == 2


@pytest.mark.parametrize(
    "spelled",
    [
        "2026-01-05T10:00:00Z",
        "2026-01-05 10:00:00 UTC",
        "2026-01-05T12:00:00+02:00",
        "2026-01-05T12:00:00+0200",
        "2026-01-05 12:00:00 +2",
        "2026-01-05T05:30:00.000-04:30",
        "2026-01-05 11:00:00 Europe/Berlin",
        "2026-01-05T11:00:00+01:00[Europe/Berlin]",
        "2026-01-05 10:00:00",
    ],
)
def test_zones_spelled_every_way(con: duckdb.DuckDBPyConnection, land: Land, spelled: str) -> None:
    land("a.csv", HEADER + f"u,{spelled},open,1\n")
    assert rows(con, "select event_time from raw.app_events") == [(datetime(2026, 1, 5, 10),)]


def test_the_same_event_in_two_vendors_exports_counts_once(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land("a.csv", HEADER + "u,2026-01-05,open,msg-1\nu,2026-01-05,open,msg-2\n", source="one")
    _, landed = land(
        "b.ndjson",
        '{"user": "u", "time": "2026-01-05T00:00:00Z", "event": "open", "messageId": "msg-1"}\n',
        source="two",
        type="ndjson",
        columns={
            "user_id": "user",
            "event_time": "time",
            "event_name": "event",
            "event_id": '"messageId"',
        },
    )
    assert (landed.rows_landed, landed.rows_duplicate) == (0, 1)
    assert rows(con, "select count(*) from raw.app_events") == [(2,)]


def test_a_gzip_cut_off_fails_and_a_whole_one_lands_afterwards(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    whole = gzip.compress((HEADER + "u,2026-01-05,open,1\n" * 500).encode())
    with pytest.raises(Exception, match="the gzip file is cut off"):
        land("a.csv.gz", whole[:-20])
    assert rows(con, "select status from raw.extracts") == [("failed",)]
    _, landed = land("a.csv.gz", whole)
    assert landed.rows_landed == 1
