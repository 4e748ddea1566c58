"""A day's provisional table gives way to its final one, whichever lands first."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest

from flows.formats.ga4 import GA4
from flows.land.provisional import table_of
from tests.formats.conftest import Home, home

__all__ = ["home"]  # a fixture

DAYS = {5: 1767603600, 6: 1767690000}

INTRADAY, FRESH, DAILY = "events_intraday_20260105", "events_fresh_20260105", "events_20260105"


def write(home: Home, name: str, *events: str, day: int = 5, source: str | None = None) -> str:
    """A table of events of one user, each a second after the one before it."""
    rows = [
        {
            "event_name": event,
            "event_timestamp": str((DAYS[day] + second) * 1_000_000),
            "user_pseudo_id": "p",
            "traffic_source": {"source": source},
        }
        for second, event in enumerate(events)
    ]
    path = home.folder / f"{name}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"{name}.ndjson"


def names(home: Home) -> list[str]:
    return [
        row[0] for row in home.rows("select event_name from raw.visible_events order by event_time")
    ]


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
@pytest.mark.parametrize("runs", [1, 2, 3])
def test_the_final_table_is_the_day_in_any_order(
    home: Home, order: Sequence[int], runs: int
) -> None:
    intraday = write(home, INTRADAY, "open", "gone")
    final = write(home, DAILY, "open", "late", "more", source="mail")
    other = write(home, "events_intraday_20260106", "next", day=6)
    files = [(intraday, final, other)[place] for place in order]
    for batch in {1: [files], 2: [files[:1], files[1:]], 3: [[f] for f in files]}[runs]:
        assert home.land("ga4", *batch).failed == ()
    assert names(home) == ["open", "late", "more", "next"]
    assert home.rows("select channel from raw.visible_events where event_name = 'open'") == [
        ("mail",)
    ]
    assert (
        home.rows("select status, error from raw.extracts where uri like '%intraday_20260105%'")[0][
            0
        ]
        == "discarded"
    )
    assert home.land("ga4", *files).landed == {}


@pytest.mark.parametrize("order", [*itertools.permutations((INTRADAY, FRESH, DAILY))])
def test_each_stage_gives_way_to_those_after_it(home: Home, order: Sequence[str]) -> None:
    content = {INTRADAY: ["a"], FRESH: ["a", "b"], DAILY: ["b", "c"]}
    best = -1
    for name in order:
        home.land("ga4", write(home, name, *content[name]))
        best = max(best, (INTRADAY, FRESH, DAILY).index(name))
        assert names(home) == content[(INTRADAY, FRESH, DAILY)[best]]
    assert home.rows("select status, count(*) from raw.extracts group by all order by all") == [
        ("discarded", 2),
        ("landed", 1),
    ]
    assert {
        row[0].partition(", extract")[0]
        for row in home.rows("select error from raw.extracts where status = 'discarded'")
    } == {"gives way to the final table of its day"}


def test_a_later_version_of_an_intraday_table_does_not_come_back(home: Home) -> None:
    home.land("ga4", write(home, DAILY, "open"))
    home.land("ga4", write(home, INTRADAY, "open"))
    home.land("ga4", write(home, INTRADAY, "open", "second"))
    assert names(home) == ["open"]


def test_the_shards_of_a_table_are_one_day(home: Home) -> None:
    shards = [write(home, f"{DAILY}_00000000000{n}", f"e{n}", day=5 + n) for n in range(2)]
    slices = [write(home, f"{INTRADAY}-{n}", f"i{n}", day=5 + n) for n in range(2)]
    home.land("ga4", *slices, *shards)
    assert names(home) == ["e0", "e1"]


def test_tables_of_another_data_set_are_other_tables(home: Home) -> None:
    home.land(
        "ga4",
        write(home, f"analytics_1/{DAILY}", "one"),
        write(home, f"analytics_2/{INTRADAY}", "two", day=6),
    )
    assert names(home) == ["one", "two"]


def test_a_source_may_keep_both(home: Home) -> None:
    files = [write(home, INTRADAY, "a", "gone"), write(home, DAILY, "a", "b")]
    home.land("ga4", *files, replaces="nothing")
    assert sorted(names(home)) == ["a", "b", "gone"]


def test_what_was_built_of_the_intraday_table_is_counted_again(home: Home) -> None:
    home.land("ga4", write(home, INTRADAY, "a", "gone"))
    home.con.execute("insert into ops.built_extracts select extract_id from raw.extracts")
    home.land("ga4", write(home, DAILY, "a"))
    assert home.rows("select count(*) from ops.disturbed_events") == [(2,)]


@pytest.mark.parametrize(
    ("uri", "stage"),
    [
        ("gs://b/analytics_12/events_intraday_20260105.json.gz", ("12", "20260105", 0)),
        ("/x/events_intraday_20260105/part-0.parquet", ("", "20260105", 0)),
        ("/x/events_fresh_2026-01-05.json", ("", "20260105", 1)),
        ("/x/events_20260105_000000000000.json.gz", ("", "20260105", 2)),
        ("/events_20260101/app_events_20260105.json", ("", "20260105", 2)),
        ("/x/events_202601050.json", None),
        ("/x/20260105.json", None),
        ("/x/pseudonymous_users_20260105.json", None),
    ],
)
def test_the_path_says_which_table_it_is(uri: str, stage: tuple[str, str, int] | None) -> None:
    table = table_of(GA4, "e", uri)
    found = table and (table.dataset.removeprefix("analytics_"), table.day, table.finality)
    assert found == stage
