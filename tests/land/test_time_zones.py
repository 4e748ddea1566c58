"""Times that say no zone are of their source's, and a source that says none is warned of."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.inspect.zones import ask_for_zone
from flows.land.events import land_events
from flows.land.ledger import Landed
from flows.settings import Settings
from flows.sources import EventSource, Sources
from flows.warehouse import connect, create_schemas
from tests.presence import extracts_of

NOW = datetime(2026, 12, 1)
COLUMNS = {"user_id": "who", "event_time": "stamp", "event_name": "'open'"}
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana")

LOCAL = ["2026-07-01 08:30:00", "2026-01-05T23:15:00", "2026-03-08 12:00:00"]

SPELLED = ["2026-07-01 08:30:00,250", " 2026-07-01  8:30:00.25", "2026/07/01 08:30:00,25"]
"""Which DuckDB's own cast does not take."""


def as_csv(path: Path, times: list[str]) -> dict[str, Any]:
    path.write_text("who,stamp\n" + "".join(f"u{n},{time}\n" for n, time in enumerate(times)))
    return {"type": "csv"}


def as_ndjson(path: Path, times: list[str]) -> dict[str, Any]:
    rows = [{"who": f"u{n}", "stamp": time} for n, time in enumerate(times)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"type": "ndjson"}


def as_parquet(path: Path, times: list[str]) -> dict[str, Any]:
    with duckdb.connect() as con:
        con.execute(
            f"copy (select 'u' || i as who, t::timestamp as stamp from "
            f"(select unnest(range(len($t))) as i, unnest($t::varchar[]) as t)) "
            f"to '{path}' (format parquet)",
            {"t": times},
        )
    return {"type": "parquet"}


Write = Callable[[Path, list[str]], dict[str, Any]]


def landed(
    folder: Path, times: list[str], write: Write = as_csv, **source: Any
) -> tuple[list[datetime], Landed]:
    """The times (UTC) of rows with these texts, in their order, and what landing came to."""
    reader = write(folder / "a.data", times)
    given = {"columns": COLUMNS} | source
    events = EventSource(
        name="web", app_id="chat", uri=str(folder / "a.data"), reader=reader, **given
    )
    at_home = Settings(home=folder / "home", threads=1)
    with connect(at_home) as con:
        create_schemas(con)
        extracts = extracts_of(events, folder / "a.data")
        (outcome,) = land_events(con, extracts, events, at_home, NOW).values()
        rows = con.execute("select event_time from raw.app_events order by rowid").fetchall()
    return [row[0] for row in rows], outcome


def in_python(text: str, zone: str) -> datetime:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)


@pytest.mark.parametrize("write", [as_csv, as_ndjson, as_parquet])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "UTC"])
def test_a_local_time_is_of_the_zone_of_its_source(tmp_path: Path, write: Write, zone: str) -> None:
    times, outcome = landed(tmp_path, LOCAL, write, time_zone=zone)
    assert times == [in_python(text, zone) for text in LOCAL]
    assert outcome.rows_zoneless == 0


def test_a_local_time_may_be_spelled_otherwise(tmp_path: Path) -> None:
    quoted = [f'"{text}"' for text in SPELLED]
    times, _ = landed(tmp_path, quoted, time_zone="Europe/Berlin")
    assert times == [datetime(2026, 7, 1, 6, 30, 0, 250000)] * len(SPELLED)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T08:30:00Z",
        "2026-07-01 08:30:00 UTC",
        "2026-07-01 10:30:00+02:00",
        "2026-07-01T04:30:00-0400",
        "2026-07-01 10:30:00 Europe/Berlin",
    ],
)
def test_a_time_that_says_its_zone_keeps_it(tmp_path: Path, text: str) -> None:
    times, outcome = landed(tmp_path, [text], time_zone="Asia/Tokyo")
    assert times == [datetime(2026, 7, 1, 8, 30)]
    (tmp_path / "unsaid").mkdir()
    times, outcome = landed(tmp_path / "unsaid", [text])
    assert (times, outcome.rows_zoneless) == ([datetime(2026, 7, 1, 8, 30)], 0)


@pytest.mark.parametrize("write", [as_csv, as_ndjson, as_parquet])
def test_times_of_no_zone_are_counted_until_the_source_says_one(
    tmp_path: Path, write: Write
) -> None:
    times, outcome = landed(tmp_path, LOCAL, write)
    assert times == [datetime.fromisoformat(text) for text in LOCAL]
    assert outcome.rows_zoneless == 3


def test_a_day_begins_in_the_zone_and_an_expression_s_time_is_local(tmp_path: Path) -> None:
    times, _ = landed(tmp_path, ["2026-07-01"], time_zone="Europe/Berlin")
    assert times == [datetime(2026, 6, 30, 22)]
    (tmp_path / "b").mkdir()
    german = COLUMNS | {"event_time": "strptime(stamp, '%d.%m.%Y %H:%M')"}
    times, _ = landed(
        tmp_path / "b", ["01.07.2026 08:30"], columns=german, time_zone="Europe/Berlin"
    )
    assert times == [datetime(2026, 7, 1, 6, 30)]


@pytest.mark.parametrize("expression", ["to_timestamp(stamp::bigint)", "epoch_ms(stamp::bigint)"])
def test_counts_since_1970_are_utc(tmp_path: Path, expression: str) -> None:
    number = "1782894600" if expression.startswith("to") else "1782894600000"
    given = COLUMNS | {"event_time": expression}
    times, outcome = landed(tmp_path, [number], columns=given)
    assert (times, outcome.rows_zoneless) == ([datetime(2026, 7, 1, 8, 30)], 0)


def test_a_zone_for_times_in_utc_is_refused() -> None:
    for column in ("epoch_ms(stamp::bigint)", "stamp::timestamp at time zone 'Asia/Tokyo'"):
        with pytest.raises(ValueError, match="gives UTC already"):
            EventSource(
                name="web",
                app_id="chat",
                uri="a",
                reader={"type": "csv"},
                columns=COLUMNS | {"event_time": column},
                time_zone="Europe/Berlin",
            )
    with pytest.raises(ValueError, match="export_timezone"):
        EventSource(name="m", app_id="chat", uri="a", format="mixpanel", time_zone="Asia/Tokyo")


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    at=st.integers(0, 366 * 24 * 4).map(
        lambda n: datetime(2025, 12, 30) + timedelta(minutes=15 * n)
    ),
)
def test_every_quarter_of_an_hour_is_read_as_python_reads_it(zone: str, at: datetime) -> None:
    """But where clocks go back a time that comes twice is the later one."""
    from flows.land.times import utc_in_sql

    local = at.replace(tzinfo=ZoneInfo(zone))
    later = local.replace(fold=1).astimezone(UTC).replace(tzinfo=None)
    first = local.astimezone(UTC).replace(tzinfo=None)
    exists = later.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == at
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        query = utc_in_sql("TIMESTAMP", "stamp", "web", zone)
        row = con.execute(f"select {query} from (select ?::timestamp as stamp)", [at]).fetchone()
    assert row is not None  # one row is asked for
    # a time that clocks leave out is as much later as they are put forward
    assert row[0] == (later if exists else first)


def test_inspect_shows_both_readings() -> None:
    note = ask_for_zone(["2026-07-01 08:30:00"], "stamp", "stamp")
    assert note is not None
    assert "is 2026-07-01 08:30 UTC if it is UTC, and 2026-07-01 12:30 UTC" in note
    assert ask_for_zone(["2026-07-01 08:30:00Z"], "stamp", "stamp") is None
    assert ask_for_zone(["1782894600"], "stamp", "to_timestamp(at::bigint)") is None


def test_charts_and_reviews_have_a_zone_as_well() -> None:
    columns = dict.fromkeys(("store", "storefront", "chart", "rank", "store_app_id"), "x")
    chart = {"name": "c", "format": "custom", "uri": "c", "reader": {"type": "csv"}}
    given = {"columns": columns | {"snapshot_at": "stamp"}, "time_zone": "Asia/Tokyo"}
    document = {"ranks": [chart | given]}
    assert Sources.model_validate(document).ranks[0].time_zone == "Asia/Tokyo"  # type: ignore[union-attr]
    document["ranks"][0]["columns"]["snapshot_at"] = "epoch_ms(stamp::bigint)"  # type: ignore[index]
    with pytest.raises(ValueError, match="snapshot_at gives UTC already"):
        Sources.model_validate(document)
