"""The chart captures show the spike app rise, lead, fall out of the chart and come back."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flows.demo.charts import FILLERS
from flows.demo.truth import read_truth


def captures(folder: Path, storefront: str) -> dict[date, dict[str, Any]]:
    """day of the file -> its feed"""
    return {
        date.fromisoformat(path.name[:10]): json.loads(path.read_text())["feed"]
        for path in sorted((folder / "charts").glob(f"*_{storefront}_top-free.json"))
    }


def rank_of(feed: dict[str, Any], store_id: str) -> int | None:
    ids = [entry["id"] for entry in feed["results"]]
    return ids.index(store_id) + 1 if store_id in ids else None


def test_every_capture_has_100_different_apps(demo_folder: Path) -> None:
    for storefront in ("us", "jp"):
        for feed in captures(demo_folder, storefront).values():
            assert feed["country"] == storefront
            assert len({entry["id"] for entry in feed["results"]}) == 100
    assert len(set(FILLERS)) == 130


def test_one_day_has_no_file(demo_folder: Path) -> None:
    days = {date(2025, 9, 30) + timedelta(days=n) for n in range(151)}

    assert days - set(captures(demo_folder, "us")) == {date(2025, 12, 12)}
    assert days == set(captures(demo_folder, "jp"))
    charts = read_truth(demo_folder).charts
    assert charts.missing == [("us", "2025-12-12")]
    assert charts.files == 301


def test_one_capture_repeats_the_stamp_of_the_day_before_in_other_bytes(demo_folder: Path) -> None:
    feeds = captures(demo_folder, "us")
    stamps = Counter(feed["updated"] for feed in feeds.values())

    assert [stamp for stamp, count in stamps.items() if count > 1] == [
        "Wed, 07 Jan 2026 10:15:00 +0000"
    ]
    stale, before = feeds[date(2026, 1, 8)], feeds[date(2026, 1, 7)]
    assert stale != before
    assert stale["results"] == before["results"]
    assert read_truth(demo_folder).charts.unchanged == 1


def test_a_day_resembles_the_one_before(demo_folder: Path) -> None:
    feeds = captures(demo_folder, "jp")
    today, yesterday = feeds[date(2025, 11, 5)], feeds[date(2025, 11, 4)]
    ranks = {entry["id"]: rank for rank, entry in enumerate(yesterday["results"], 1)}
    moves = [
        abs(rank - ranks[entry["id"]])
        for rank, entry in enumerate(today["results"], 1)
        if entry["id"] in ranks
    ]

    assert len(moves) >= 90
    assert 0 < sum(moves) / len(moves) < 10


def test_the_spike_app_rises_leads_falls_out_and_comes_back(demo_folder: Path) -> None:
    path = {day: rank_of(f, "900000001") for day, f in captures(demo_folder, "us").items()}

    assert path[date(2025, 9, 30)] is None
    first_lead = min(day for day, rank in path.items() if rank == 1)
    assert first_lead == date(2025, 10, 3)
    assert all(path[first_lead + timedelta(days=n)] == 1 for n in range(14))
    assert 15 < (path[date(2025, 11, 18)] or 0) < 30
    assert all((path[date(2025, 12, 1) + timedelta(days=n)] or 0) > 22 for n in range(10))
    assert all(path[date(2026, 1, 10) + timedelta(days=n)] is None for n in range(25))
    assert all((path[date(2026, 2, 10) + timedelta(days=n)] or 0) > 80 for n in range(18))


def test_the_rank_truth_is_what_the_captures_show(demo_folder: Path) -> None:
    for storefront, truth in read_truth(demo_folder).charts.spike_ranks.items():
        shown = {
            day.isoformat(): rank_of(feed, "900000001")
            for day, feed in captures(demo_folder, storefront).items()
            if (storefront, day) != ("us", date(2026, 1, 8))
        }
        assert shown == truth


def test_habit_improves_and_leaky_stays_in_the_middle(demo_folder: Path) -> None:
    feeds = captures(demo_folder, "us")
    habit = [rank_of(feed, "900000002") for feed in feeds.values()]
    leaky = [rank_of(feed, "900000003") for feed in feeds.values()]

    assert all(rank is not None and 4 <= rank <= 17 for rank in habit)
    assert sum(r or 0 for r in habit[:20]) > sum(r or 0 for r in habit[-20:]) + 100
    assert all(rank is not None and 40 <= rank <= 92 for rank in leaky)
