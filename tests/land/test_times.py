"""Times with their zones spelled in every way that exports have: exact UTC, or nothing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as drawn
from hypothesis import strategies as st

from flows.errors import ExtractError
from flows.land.times import ZONES, utc_in_sql

NOON = datetime(2026, 1, 1, 12)

SPELLED = {
    "2026-01-01 12:00:00": NOON,
    "2026-01-01 12:00": NOON,
    "2026-01-01": datetime(2026, 1, 1),
    "2026/01/01 12:00:00": NOON,
    "2026-01-01T12:00:00Z": NOON,
    "2026-01-01T12:00:00 Z": NOON,
    "2026-01-01T12:00:00z": NOON,
    "2026-01-01 12:00:00 UTC": NOON,
    "2026-01-01 12:00:00 GMT": NOON,
    "2026-01-01T12:00:00,5Z": NOON.replace(microsecond=500_000),
    "2026-01-01T12:00:00.123456789Z": NOON.replace(microsecond=123_456),
    "2026-01-01T12:00:00+02": NOON.replace(hour=10),
    "2026-01-01T12:00:00+2": NOON.replace(hour=10),
    "2026-01-01T12:00:00+02:00": NOON.replace(hour=10),
    "2026-01-01T12:00:00+02:00:00": NOON.replace(hour=10),
    "2026-01-01T12:00:00+5:18": NOON.replace(hour=6, minute=42),
    "2026-01-01T12:00:00+14:00": datetime(2025, 12, 31, 22),
    "2026-1-1 12:00:00-05:00": NOON.replace(hour=17),
    "2026-01-01 12:00:00.123456+00:00": NOON.replace(microsecond=123_456),
    "2026-01-01 12:00:00 +0200": NOON.replace(hour=10),
    "2026-01-01 12:00:00.25 +0200": NOON.replace(hour=10, microsecond=250_000),
    "2026-01-01T12:00:00 GMT+2": NOON.replace(hour=10),
    "2026-01-01T12:00:00 UTC-03:30": NOON.replace(hour=15, minute=30),
    "2026-01-01T12:00:00-0800": NOON.replace(hour=20),
    "2026-01-01 12:00:00 Europe/Berlin": NOON.replace(hour=11),
    "2026-07-01T12:00:00[Europe/Berlin]": datetime(2026, 7, 1, 10),
    "2026-07-01T12:00:00+02:00[Europe/Berlin]": datetime(2026, 7, 1, 10),
    "2026-01-01 12:00 America/Argentina/Buenos_Aires": NOON.replace(hour=15),
    "2026-01-01 12:00:00 Etc/GMT+5": NOON.replace(hour=17),
}

NOT_UNDERSTOOD = (
    None,
    "",
    "garbage",
    "20260101",
    "1767268800",
    "2026-01-01 12:00:00 pm",
    "2026-01-01 12:00:00 IST",  # India, Ireland or Israel
    "2026-01-01 12:00:00 Nope/X",
    "2026-01-01 12:00:00+27:00",
    "2026-01-01 12:00:00+02:75",
    "2026-01-01T12:00:00+518:00",
    "2026-01-01T12:00:00-518:00",
    "2026-01-01T12:00:00+518",
    "2026-01-01T12:00:00+0518:00",
    "2026-01-01T12:00:00+0518:00:00",
    "2026-01-01 12:00:00.25 +05:18:30",
    "2026-01-01T12:00:00+5:1",
    "2026-01-01T12:00:00+14:30",
    "2026-01-01T12:00:00-1430",
    "2026-13-01 12:00:00",
    "2026-01-01 25:00:00 +0200",
)


@pytest.fixture
def told() -> dict[str | None, datetime | None]:
    """Every spelling in one table: what one row says must not leak into another."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(ZONES)
        con.execute("create table spelled (text varchar)")
        con.executemany(
            "insert into spelled values (?)", [[at] for at in (*SPELLED, *NOT_UNDERSTOOD)]
        )
        sql = utc_in_sql("VARCHAR", "text", "chat")
        return dict(con.execute(f"select text, {sql} from spelled").fetchall())


def test_every_spelling_of_a_zone_gives_utc(told: dict[str | None, datetime | None]) -> None:
    assert {at: told[at] for at in SPELLED} == SPELLED


def test_what_is_no_time_gives_nothing(told: dict[str | None, datetime | None]) -> None:
    assert {at: told[at] for at in NOT_UNDERSTOOD} == dict.fromkeys(NOT_UNDERSTOOD)


def test_a_number_is_no_time() -> None:
    with pytest.raises(ExtractError, match=r"chat: columns.event_time: gives BIGINT, not a time"):
        utc_in_sql("BIGINT", "at", "chat")


@drawn(deadline=None)
@given(st.sampled_from("+-"), st.text("0123456789:", max_size=9))
def test_an_offset_is_one_of_the_known_spellings_or_none(sign: str, digits: str) -> None:
    """No other text after the sign is taken for an offset of any kind."""
    known = re.fullmatch(r"(\d{2})(\d{2})|(\d{1,2})(?::(\d{2})(?::00)?)?", digits)
    minutes = None
    if known:
        hours, rest = int(known[1] or known[3]), int(known[2] or known[4] or 0)
        minutes = 60 * hours + rest if rest < 60 and 60 * hours + rest <= 840 else None
    with duckdb.connect() as con:
        con.execute(ZONES)
        sql = utc_in_sql("VARCHAR", "text", "chat")
        found = con.execute(
            f"select {sql} from (select ? as text)", [f"2026-01-01T12:00:00{sign}{digits}"]
        )
        row = found.fetchone()
    assert row is not None
    shift = timedelta(minutes=minutes or 0) * (-1 if sign == "+" else 1)
    assert row[0] == (None if minutes is None else NOON + shift)
