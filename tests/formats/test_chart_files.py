"""Captures of charts, from files to snapshots, ranks and rejects."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from flows.land.source import SourceLanding, land_files
from flows.sources import ChartFiles
from tests.formats.conftest import Home

CHARTS = Path(__file__).parent.parent / "fixtures" / "charts"
NOW = datetime(2026, 2, 1)
TRACKER: dict[str, Any] = {
    "format": "custom",
    "reader": {"type": "csv", "delimiter": ";"},
    "columns": {
        "store": "'google'",
        "storefront": "Country",
        "chart": "'top-free'",
        "genre": "lower(Category)",
        "snapshot_at": '"Date"',
        "rank": "Position",
        "store_app_id": '"App ID"',
        "app_name": '"App Name"',
    },
}


class Land(Protocol):
    """``land(file, **source)``: land a file of the fixtures, or one that is there already."""

    def __call__(self, file: str, uri: str | None = None, **source: Any) -> SourceLanding: ...


@pytest.fixture
def land(home: Home) -> Land:
    def land_one(file: str, uri: str | None = None, **source: Any) -> SourceLanding:
        path = home.folder / file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((CHARTS / file).read_bytes())
        told = {"name": "charts", "format": file.split(".")[0], "uri": uri or str(path)} | source
        return land_files(home.con, ChartFiles(**told), home.settings, NOW)

    return land_one


def snapshots(home: Home) -> list[tuple[Any, ...]]:
    return home.rows(
        "select store, storefront, chart, genre, snapshot_at, requested_limit, depth, status "
        "from raw.chart_snapshots order by snapshot_at, storefront"
    )


def ranks(home: Home) -> list[tuple[Any, ...]]:
    return home.rows(
        "select rank, store_app_id, app_name, publisher from raw.chart_ranks "
        "semi join (from raw.chart_snapshots) using (snapshot_id) order by extract_id, rank"
    )


def test_apple_rss(home: Home, land: Land) -> None:
    assert land("apple_rss.json").failed == ()
    at = datetime(2026, 1, 5, 6, 30)
    assert snapshots(home) == [("apple", "de", "top-free", "all", at, 4, 3, "observed")]
    assert ranks(home) == [
        (1, "101", "App 101", "Maker 101"),
        (2, "102", "App 102", "Maker 102"),
        (3, "103", "App 103", "Maker 103"),
    ]
    assert home.rows("select feed_url from raw.chart_snapshots") == [
        ("https://rss.marketingtools.apple.com/api/v2/de/apps/top-free/4/apps.json",)
    ]


def test_apple_rss_corrupt(home: Home, land: Land) -> None:
    landing = land("apple_rss.corrupt.json", format="apple_rss")
    assert (landing.rows_landed, landing.rows_rejected) == (2, 2)
    assert home.rejects() == [(2, "no app id"), (3, "app twice in one chart")]
    assert [row[:2] for row in ranks(home)] == [(1, "101"), (4, "104")]


def test_itunes_rss(home: Home, land: Land) -> None:
    assert land("itunes_rss.json").failed == ()
    at = datetime(2026, 1, 5, 9, 15)
    assert snapshots(home) == [("apple", "fr", "top-free", "6011", at, 4, 2, "observed")]
    assert ranks(home) == [
        (1, "201", "App 201", "Maker 201"),
        (2, "202", "App 202", "Maker 202"),
    ]


def test_itunes_rss_corrupt(home: Home, land: Land) -> None:
    landing = land("itunes_rss.corrupt.json", format="itunes_rss")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 3)
    assert home.rejects() == [
        (2, "no app id"),
        (3, "no app id"),
        (4, "app twice in one chart"),
    ]


def test_a_rank_tracker_s_table(home: Home, land: Land) -> None:
    assert land("tracker.csv", **TRACKER).failed == ()
    assert snapshots(home) == [
        ("google", "de", "top-free", "game", datetime(2026, 1, day), None, depth, "observed")
        for day, depth in ((5, 2), (6, 1))
    ]
    assert home.rows("select distinct app_name from raw.chart_ranks order by 1") == [
        ("A",),
        ("B; the game",),
    ]


def test_a_rank_tracker_s_table_corrupt(home: Home, land: Land) -> None:
    landing = land("tracker.corrupt.csv", **TRACKER)
    assert (landing.rows_landed, landing.rows_rejected) == (1, 5)
    assert home.rejects() == [
        (3, "no rank"),
        (4, "no time stamp"),
        (5, "no app id"),
        (6, "too few columns"),
        (7, "rank given twice in one chart"),
    ]


def test_a_name_that_claims_another_chart_is_not_believed(home: Home, land: Land) -> None:
    uri = str(home.folder / "{storefront}" / "{chart}" / "{date}.json")
    path = home.folder / "us" / "top-free" / "2026-01-05.json"
    path.parent.mkdir(parents=True)
    path.write_bytes((CHARTS / "apple_rss.json").read_bytes())
    landing = land(str(path.relative_to(home.folder)), uri, format="apple_rss")
    assert "its name says us/top-free, its content is of de/top-free" in landing.failed[0]
    assert snapshots(home) == []
    path.rename(path.with_name("moved"))
    right = home.folder / "DE" / "topfreeapplications" / "2026-01-05.json"
    right.parent.mkdir(parents=True)
    right.write_bytes((CHARTS / "apple_rss.json").read_bytes())
    landing = land(str(right.relative_to(home.folder)), uri, format="apple_rss")
    assert landing.failed == ()
    assert len(snapshots(home)) == 1


def test_a_broken_member_of_an_archive_spoils_no_other(home: Home, land: Land) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/good.json", (CHARTS / "apple_rss.json").read_bytes())
        archive.writestr("b/broken.json", "<html>busy</html>")
        archive.writestr("c/empty.json", "")
        text = (CHARTS / "apple_rss.json").read_text().replace("Jan 2026", "some day")
        archive.writestr("d/undated.json", text)
    (home.folder / "captures.zip").write_bytes(buffer.getvalue())
    landing = land("captures.zip", format="apple_rss")
    assert landing.failed == ()
    assert (landing.rows_landed, landing.rows_rejected) == (3, 2)
    broken, undated = home.rows(
        "select member, line_number, reason from raw.rejects order by member"
    )
    assert broken[:2] == ("b/broken.json", 1)
    assert "not a JSON document" in broken[2]
    assert undated[:2] == ("d/undated.json", 1)
    assert "names no time stamp" in undated[2]


def test_an_entry_is_rejected_at_its_place_in_its_member(home: Home, land: Land) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.json", (CHARTS / "apple_rss.json").read_bytes())
        archive.writestr("b.json", (CHARTS / "itunes_rss.json").read_bytes())
        archive.writestr("c.json", (CHARTS / "apple_rss.corrupt.json").read_bytes())
    (home.folder / "captures.zip").write_bytes(buffer.getvalue())
    land("captures.zip", format="apple_rss")
    rows = home.rows(
        "select member, line_number, (line->>'$.line_number')::int from raw.rejects "
        "where line <> '' order by all"
    )
    assert ("c.json", 2, 2) in rows
    assert {row[0] for row in rows} == {"c.json"}
    assert all(number == told for _, number, told in rows)
