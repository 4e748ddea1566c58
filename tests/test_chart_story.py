"""Hand-made charts with gaps through landing and build: half-life, days in the top, who passed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.ranks import app_ranks, chart_movers, rank_company, rank_summary
from flows import stages
from flows.sources import ChartFiles

SOURCES = """
apps:
  - {app_id: ours, name: Ours, store_ids: {apple: "1"}}
  - {app_id: silent, name: Silent, store_ids: {apple: "2"}}
ranks:
  - {name: captures, format: apple_rss, uri: captures/*.json}
"""
NAMES = {
    "1": "Ours",
    "11": "a rival assistant: ask, write & learn",
    "12": "a burger chain",
    "13": "a map",
    "14": "an old leader",
    "15": "a newcomer",
}
US = {
    # day of March 2026: the ranks of the apps above; days 3, 7, 8 and 11 are not fetched
    1: {1: "14", 12: "1", 13: "11", 14: "12", 15: "13"},
    2: {1: "14", 2: "1", 3: "11", 4: "12", 5: "13"},  # the peak
    4: {1: "14", 4: "1", 5: "11", 6: "12", 7: "13"},  # twice as bad, but ...
    5: {1: "14", 3: "1", 5: "11", 6: "12", 7: "13"},  # ... not for a week
    6: {1: "14", 5: "11", 6: "12", 7: "13", 11: "1"},
    9: {1: "14", 5: "11", 6: "12", 7: "13", 26: "1"},
    10: {1: "14", 5: "11", 6: "12", 7: "13"},
    12: {1: "11", 5: "14", 6: "12", 7: "13", 51: "1"},
    13: {17: "15", 18: "13", 19: "14", 20: "12", 21: "11", 22: "1", 24: "16"},
}
US_DEPTH = 60
JP = {day: {3: "1"} if day == 2 else {} for day in (2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)}
JP_DEPTH = 4


def capture(storefront: str, day: int, placed: dict[int, str], depth: int) -> str:
    """One capture of Apple's feed; fillers take the ranks that are not given."""
    ids = [placed.get(rank, f"9{rank:03}") for rank in range(1, depth + 1)]
    stamp = datetime(2026, 3, day, 10, tzinfo=UTC)
    return json.dumps(
        {
            "feed": {
                "id": f"https://example.com/api/v2/{storefront}/apps/top-free/{depth}/apps.json",
                "country": storefront,
                "updated": f"{stamp:%a, %d %b %Y %H:%M:%S} +0000",
                "results": [{"id": i, "name": NAMES.get(i, f"Filler {i}")} for i in ids],
            }
        }
    )


def land(folder: Path) -> stages.Run:
    run = stages.begin(folder / "home", folder / "sources.yml")
    stages.prepare(run)
    (source,) = run.sources.ranks
    assert isinstance(source, ChartFiles)
    landing = stages.land_source(run, source, lambda _done, _all: None)
    assert not landing.failed
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the captures, and a home in which they were built; the last day came later."""
    folder = tmp_path_factory.mktemp("charts")
    (folder / "captures").mkdir()
    (folder / "sources.yml").write_text(SOURCES)
    captures = [("us", US, US_DEPTH), ("jp", JP, JP_DEPTH)]
    for is_last_day in (False, True):
        for storefront, days, depth in captures:
            for day, placed in days.items():
                if (day == 13) == is_last_day:
                    path = folder / "captures" / f"{storefront}-{day}.json"
                    path.write_text(capture(storefront, day, placed, depth))
        build = stages.build(land(folder))
        assert build.by_arrival == is_last_day
    return folder


@pytest.fixture
def con(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(folder / "home" / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def march(day: int) -> date:
    return date(2026, 3, day)


def summary(con: duckdb.DuckDBPyConnection, columns: str, app_id: str = "ours") -> dict[str, Any]:
    rows = con.execute(
        f"select storefront, ({columns}) from marts.fct_rank_summary where app_id = ?", [app_id]
    ).fetchall()
    return dict(rows)


def test_a_day_that_was_never_fetched_is_a_gap(con: duckdb.DuckDBPyConnection) -> None:
    days = con.execute("""
        select rank_date, state, rank, worse_than, previous_rank_date, previous_rank, rank_change,
            movement
        from marts.fct_app_ranks_daily
        where app_id = 'ours' and storefront = 'us' and rank_date >= '2026-03-06'
        order by rank_date
    """).fetchall()
    unknown = ("not_fetched", None, None, None, None, None, None)
    assert days == [
        (march(6), "ranked", 11, None, march(5), 3, -8, "down"),
        (march(7), *unknown),
        (march(8), *unknown),
        (march(9), "ranked", 26, None, march(6), 11, -15, "down"),
        (march(10), "off_chart", None, 60, march(9), 26, None, "left"),
        (march(11), *unknown),
        (march(12), "ranked", 51, None, march(10), None, None, "entered"),
        (march(13), "ranked", 22, None, march(12), 51, 29, "up"),
    ]


def test_days_in_the_top_are_those_that_were_seen(con: duckdb.DuckDBPyConnection) -> None:
    columns = (
        "days_ranked, days_off_chart, days_not_fetched, days_top_10, days_top_25, days_top_50, "
        "days_top_100"
    )
    assert summary(con, columns) == {"us": (8, 1, 4, 3, 6, 7, 8), "jp": (1, 10, 1, 1, 1, 1, 1)}


def test_half_lives_are_shown_or_not_told(con: duckdb.DuckDBPyConnection) -> None:
    columns = "peak_rank, peak_date, days_to_peak, half_life_state, half_life_date, half_life_days"
    assert summary(con, columns) == {
        "us": (2, march(2), 1, "reached", march(6), 4),
        "jp": (3, march(2), 0, "cannot_tell", None, None),
    }
    assert summary(con, columns, "silent") == {
        "us": (None, None, None, None, None, None),
        "jp": (None, None, None, None, None, None),
    }


def test_decays_count_the_days_off_the_chart(con: duckdb.DuckDBPyConnection) -> None:
    columns = "decay_per_day > 0.1, decay_ci_low < decay_per_day, decay_days"
    assert summary(con, columns) == {"us": (True, True, 7), "jp": (None, None, None)}


def test_who_passed_since_the_peak_is_listed(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select other_app_name, other_rank, other_rank_at_peak, is_neighbour, passed_since_peak
        from marts.fct_rank_company
        where app_id = 'ours' and storefront = 'us' and not other_app_name like 'Filler%'
        order by other_rank
    """).fetchall()
    assert rows == [
        ("a newcomer", 17, None, False, True),
        ("a map", 18, 5, False, True),
        ("an old leader", 19, 1, True, False),
        ("a burger chain", 20, 4, True, True),
        ("a rival assistant: ask, write & learn", 21, 3, True, True),
    ]
    below = con.execute("""
        select other_rank, passed_since_peak from marts.fct_rank_company
        where app_id = 'ours' and storefront = 'us' and other_rank > rank order by other_rank
    """).fetchall()
    assert below == [(23, False), (24, False), (25, False)]
    off_the_chart = con.execute("""
        select rank, count(*), bool_or(is_neighbour), bool_and(passed_since_peak)
        from marts.fct_rank_company where app_id = 'ours' and storefront = 'jp' group by rank
    """).fetchall()
    # fillers 1 and 2 were ahead at the peak already
    assert off_the_chart == [(None, 2, False, True)]


def test_the_story_is_told_per_storefront(con: duckdb.DuckDBPyConnection) -> None:
    assert summary(con, "story") == {
        "us": "rose to 2 on 2026-03-02, 1 day after it was first seen; twice as bad by 2026-03-06; "
        "22 on 2026-03-13, behind a rival assistant, a burger chain and a map",
        "jp": "best at 3 on 2026-03-02, when it was first seen; since when twice as bad, if at "
        "all, cannot be told; worse than 4 on 2026-03-13",
    }
    assert summary(con, "story", "silent") == {
        "us": "never seen in the chart; worse than 60 on 2026-03-13",
        "jp": "never seen in the chart; worse than 4 on 2026-03-13",
    }


def test_movers_are_of_fetched_days(con: duckdb.DuckDBPyConnection) -> None:
    days = con.execute("""
        select distinct rank_date, previous_rank_date from marts.fct_chart_movers
        where storefront = 'us' order by rank_date
    """).fetchall()
    fetched = list(US)
    assert days == [(march(day), march(before)) for before, day in pairwise(fetched)]
    movers = con.execute("""
        select movement, place, app_id, previous_rank, rank from marts.fct_chart_movers
        where storefront = 'us' and rank_date = '2026-03-10' order by movement, place
    """).fetchall()
    assert movers == [
        ("entered", 1, "apple:9026", None, 26),
        ("left", 1, "ours", 26, None),
    ]


def test_the_gate_finds_nothing_wrong(con: duckdb.DuckDBPyConnection) -> None:
    for suite in (app_ranks(), rank_summary(), rank_company(), chart_movers()):
        for check in suite.checks:
            found = con.execute(suite.violations_query(check)).fetchall()
            if check.expectation == "the half-lives of tracked apps can be told":
                assert [row[1] for row in found] == ["jp"]
            else:
                assert found == [], check.expectation


def test_a_rebuild_gives_every_cell(folder: Path) -> None:
    verification = stages.verify(stages.begin(folder / "home", folder / "sources.yml"))
    assert verification.differences == ()
    assert verification.cells > 1000
