"""Which sources have brought nothing new for too long, at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from flows.sources import Sources, load_sources
from flows.staleness import stale_sources

NOW = datetime(2026, 1, 10, 12)
STALE = {"stale_after_hours": 36}
MINIMAL = {
    "apps": [{"app_id": "chat", "name": "Chat"}],
    "events": [
        {"name": "never", "app_id": "chat", "format": "mixpanel", "uri": "a", **STALE},
        {"name": "old", "app_id": "chat", "format": "mixpanel", "uri": "b", **STALE},
        {"name": "new", "app_id": "chat", "format": "mixpanel", "uri": "c", **STALE},
        {"name": "not_asked", "app_id": "chat", "format": "mixpanel", "uri": "d"},
    ],
    "ranks": [{"name": "feed", "feed": "apple_rss", "storefronts": ["us"], "charts": ["top-free"]}],
}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    path = tmp_path / "sources.yml"
    path.write_text(yaml.safe_dump(MINIMAL), encoding="utf-8")
    return load_sources(path)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("create schema raw")
        for table in ("extracts", "chart_snapshots"):
            con.execute(f"create table raw.{table} (source text, status text, landed_at timestamp)")
        con.execute(
            """
            insert into raw.extracts values
                ('old', 'landed', '2026-01-08 18:00'), ('old', 'failed', '2026-01-10 11:00'),
                ('new', 'quarantined', '2026-01-09 06:00'), ('not_asked', 'landed', '2025-09-30')
            """
        )
        con.execute("insert into raw.chart_snapshots values ('feed', 'unchanged', '2026-01-10')")
        yield con


def test_only_what_landed_counts_and_only_where_it_is_asked(
    con: duckdb.DuckDBPyConnection, sources: Sources
) -> None:
    stale = {found.source: found for found in stale_sources(con, sources.all, NOW)}
    assert set(stale) == {"never", "old"}
    assert str(stale["never"]) == "never: nothing of it has landed yet."
    assert str(stale["old"]) == (
        "old: nothing new has landed for 42.0 hours (since 2026-01-08 18:00 UTC); 36 are allowed."
        " It holds chat back; if it brings nothing more, give it ended: DATE."
    )


def test_a_live_feed_that_cannot_be_fetched_for_a_day_is_stale(
    con: duckdb.DuckDBPyConnection, sources: Sources
) -> None:
    con.execute("insert into raw.chart_snapshots values ('feed', 'failed', '2026-01-11 12:00')")
    later = datetime(2026, 1, 11, 0, 30)
    assert "feed" in {found.source for found in stale_sources(con, sources.all, later)}


def test_asking_for_it_changes_no_publication(sources: Sources) -> None:
    assert "stale_after_hours" not in sources.model_dump_json()


def test_a_source_that_no_hours_are_given_is_measured_by_its_own_rhythm(
    con: duckdb.DuckDBPyConnection, sources: Sources
) -> None:
    daily = "insert into raw.extracts select 'not_asked', 'landed', day from range("
    con.execute(
        f"{daily} timestamp '2025-12-28', timestamp '2026-01-02', interval 1 day) as days (day)"
    )
    in_time, late = datetime(2026, 1, 7, 23), datetime(2026, 1, 8, 1)
    assert "not_asked" not in {found.source for found in stale_sources(con, sources.all, in_time)}
    (found,) = (f for f in stale_sources(con, sources.all, late) if f.source == "not_asked")
    assert str(found) == (
        "not_asked: nothing new has landed for 169.0 hours (since 2026-01-01 00:00 UTC); 168 would "
        "be long for it. It holds chat back; if it brings nothing more, give it ended: DATE."
    )


def test_a_source_that_comes_by_the_week_may_be_silent_for_a_month(
    con: duckdb.DuckDBPyConnection, sources: Sources
) -> None:
    weekly = "insert into raw.extracts select 'not_asked', 'landed', day from range("
    con.execute(
        f"{weekly} timestamp '2025-11-01', timestamp '2025-12-21', interval 7 day) as days (day)"
    )
    assert "not_asked" not in {f.source for f in stale_sources(con, sources.all, NOW)}
    later = datetime(2026, 1, 18)
    assert "not_asked" in {f.source for f in stale_sources(con, sources.all, later)}


def test_what_has_ended_is_not_stale(con: duckdb.DuckDBPyConnection, sources: Sources) -> None:
    ended = [s.model_copy(update={"ended": date(2026, 1, 8)}) for s in sources.events]
    assert stale_sources(con, ended, NOW) == []


def test_of_a_source_that_came_on_a_few_days_no_rhythm_is_known(
    con: duckdb.DuckDBPyConnection, sources: Sources
) -> None:
    for day in (1, 2, 3):
        con.execute(f"insert into raw.extracts values ('not_asked', 'landed', '2025-10-0{day}')")
    assert "not_asked" not in {found.source for found in stale_sources(con, sources.all, NOW)}
