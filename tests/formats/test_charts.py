"""Chart formats: the fields of each feed, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.errors import ExtractError
from flows.extract.unpack import Part
from flows.formats.apple_rss import APPLE_RSS
from flows.formats.chart_documents import begin_entries, read_documents
from flows.formats.custom_charts import read_custom
from flows.formats.itunes_rss import ITUNES_RSS
from flows.sources import ChartFiles


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        begin_entries(con)
        yield con


def part(path: Path) -> Part:
    return Part(number=0, location=str(path), name=str(path))


def entries(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select store, storefront, chart, genre, snapshot_at, requested_limit, rank, store_app_id, "
        "app_name, publisher from chart_entries order by rank"
    ).fetchall()


def itunes_entry(app_id: str) -> dict[str, object]:
    return {
        "id": {"label": f"https://example.com/id{app_id}", "attributes": {"im:id": app_id}},
        "im:name": {"label": f"App {app_id}"},
        "im:artist": {"label": "Maker"},
    }


def itunes(entry: object, kind: str = "topgrossingapplications", genre: str = "/genre=6014") -> str:
    return json.dumps(
        {
            "feed": {
                "id": {"label": f"https://itunes.apple.com/JP/rss/{kind}/limit=50{genre}/json"},
                "updated": {"label": "2026-01-06T03:00:00-07:00"},
                "entry": entry,
            }
        }
    )


@pytest.mark.parametrize("as_list", [True, False])
def test_itunes_has_a_list_or_for_one_app_an_object(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, as_list: bool
) -> None:
    path = tmp_path / "a.json"
    entry = itunes_entry("11")
    path.write_text(itunes([entry] if as_list else entry))
    assert read_documents(con, [part(path)], ITUNES_RSS) == {}
    assert entries(con) == [
        (
            "apple",
            "jp",
            "top-grossing",
            "6014",
            datetime(2026, 1, 6, 10),
            50,
            1,
            "11",
            "App 11",
            "Maker",
        )
    ]


def test_itunes_without_a_genre_is_of_all(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(itunes([itunes_entry("1")], "topfreeapplications", ""))
    assert read_documents(con, [part(path)], ITUNES_RSS) == {}
    assert entries(con)[0][2:4] == ("top-free", "all")


def test_one_format_is_not_taken_for_the_other(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(itunes([itunes_entry("1")]))
    (problem,) = read_documents(con, [part(path)], APPLE_RSS).values()
    assert "a.json: not a chart in this format" in problem
    assert entries(con) == []


def test_a_fetch_time_wins_over_the_stamp(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(itunes([itunes_entry("1")]))
    read_documents(con, [part(path)], ITUNES_RSS, [datetime(2026, 1, 7)])
    assert entries(con)[0][4] == datetime(2026, 1, 7)


COLUMNS = {
    "store": "'google'",
    "storefront": "land",
    "chart": "'top-free'",
    "snapshot_at": "day",
    "rank": "place",
    "store_app_id": "app",
}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("csv", "land,day,place,app\nDE,2026-01-06T01:00:00+01:00,3,com.x\n"),
        ("ndjson", '{"land":"DE","day":"2026-01-06","place":3,"app":"com.x"}\n'),
    ],
)
def test_a_rank_tracker_s_table(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str, text: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    source = ChartFiles(name="t", format="custom", uri="x", reader={"type": kind}, columns=COLUMNS)
    read_custom(con, [part(path)], source)
    row = entries(con)[0]
    assert row[:5] == ("google", "de", "top-free", "all", datetime(2026, 1, 6))
    assert row[6:8] == (3, "com.x")


def test_records_that_are_not_there(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"rows": []}')
    source = ChartFiles(
        name="t",
        format="custom",
        uri="x",
        reader={"type": "json", "records": "$.records"},
        columns=COLUMNS,
    )
    with pytest.raises(ExtractError, match=r"no records at \$.records"):
        read_custom(con, [part(path)], source)
