"""The extracts hold what truth.json says, are the same every time, and are never half there."""

from __future__ import annotations

import hashlib
import math
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from flows.demo.curves import APPS, CHECKED_DAYS
from flows.demo.extracts import BACKFILL_DATE
from flows.demo.generate import generate
from flows.demo.truth import read_truth, write_truth
from flows.errors import AfterhypeError
from flows.settings import PROJECT_ROOT
from flows.sources import load_sources

WATERMARKS = {
    "spike": date(2026, 2, 27),
    "habit": date(2026, 2, 27),
    "leaky": date(2026, 2, 26),  # nothing declared: the last day seen counts as partial
}


def counts(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return dict(con.execute(query).fetchall())


def checksums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def wilson(successes: int, trials: int) -> tuple[float, float]:
    z = 1.959963984540054
    rate, scale = successes / trials, 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2)) / scale
    return centre - half, centre + half


def test_a_second_run_touches_nothing(demo_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo_folder.rglob("*")}

    truth = generate(demo_folder)

    assert truth == read_truth(demo_folder)
    assert {path: path.stat().st_mtime_ns for path in demo_folder.rglob("*")} == before


def test_a_folder_that_lost_files_is_written_anew_with_the_same_bytes(
    demo_folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "demo"
    (target / "spike").mkdir(parents=True)
    (target / "spike" / "left-over.ndjson.gz").write_bytes(b"")
    write_truth(target, read_truth(demo_folder))

    generate(target)

    assert checksums(target) == checksums(demo_folder)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_files_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(AfterhypeError, match="has not written"):
        generate(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_truth_that_is_not_there_or_not_readable_is_explained(tmp_path: Path) -> None:
    with pytest.raises(AfterhypeError, match="not there"):
        read_truth(tmp_path)
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(AfterhypeError, match="not a truth file"):
        read_truth(tmp_path)


def test_rows_add_up(con: duckdb.DuckDBPyConnection, demo_folder: Path) -> None:
    truth = read_truth(demo_folder)

    rows = counts(
        con,
        """
        select 'spike', count(*) from spike_lines
        union all select 'habit', count(*) from habit_lines
        union all select 'leaky', count(*) from leaky_rows
        """,
    )

    assert rows == {app_id: app.rows for app_id, app in truth.apps.items()}
    assert truth.rows == truth.events + truth.duplicates + truth.rejects
    assert 300_000 <= truth.events <= 600_000


def test_distinct_events_users_and_files(con: duckdb.DuckDBPyConnection, demo_folder: Path) -> None:
    truth = read_truth(demo_folder).apps

    events = counts(con, "select app_id, count(*) from events group by app_id")
    users = counts(con, "select app_id, count(*) from users group by app_id")
    files = {app_id: sum(1 for _ in (demo_folder / app_id).iterdir()) for app_id in truth}

    assert events == {app_id: app.events for app_id, app in truth.items()}
    assert users == {app_id: app.users for app_id, app in truth.items()}
    assert files == {app_id: app.files for app_id, app in truth.items()}


def test_rejects_by_reason(con: duckdb.DuckDBPyConnection, demo_folder: Path) -> None:
    found = con.execute(
        """
        with
        broken as (
            select 'spike' as app_id, 'broken_line' as reason, count(*) as rows
            from spike_lines
            where not json_valid(line)
            union all
            select
                'habit',
                'wrong_column_count',
                (select count(*) from habit_lines) - (select count(*) from habit_rows),
        ),
        unusable as (
            select
                app_id,
                case
                    when user_id is null then 'missing_user_id'
                    when given_time is null then 'missing_time'
                    when given_time like '%+27:00' then 'impossible_offset'
                    when event_time is null then 'unreadable_time'
                    when year(event_time) = 2099 then 'future_clock'
                end as reason,
                count(*) as rows,
            from readable
            group by app_id, reason
            having reason is not null
        )
        select app_id, map_from_entries(list((reason, rows)))
        from (from broken union all from unusable)
        group by app_id
        """
    ).fetchall()

    expected = {app_id: app.rejects for app_id, app in read_truth(demo_folder).apps.items()}
    assert dict(found) == expected


def test_duplicates_by_origin(con: duckdb.DuckDBPyConnection, demo_folder: Path) -> None:
    truth = read_truth(demo_folder).apps

    in_one_file = counts(
        con,
        """
        select app_id, count(*) - count(distinct (event_id, filename))
        from valid
        group by app_id
        """,
    )
    in_all = counts(
        con, "select app_id, count(*) - count(distinct event_id) from valid group by app_id"
    )

    assert in_one_file == {app_id: app.duplicates["same_file"] for app_id, app in truth.items()}
    assert in_all == {app_id: sum(app.duplicates.values()) for app_id, app in truth.items()}


def test_repeated_events_are_exact_repeats(con: duckdb.DuckDBPyConnection) -> None:
    contradicting = con.execute(
        """
        select count(*)
        from (
            select app_id, event_id
            from valid
            group by app_id, event_id
            having count(distinct (user_id, event_time, event_name)) > 1
        )
        """
    ).fetchone()

    assert contradicting == (0,)


def test_late_events_come_weeks_later(con: duckdb.DuckDBPyConnection, demo_folder: Path) -> None:
    late = con.execute(
        f"""
        select app_id, count(*), min(event_time)::date, max(event_time)::date
        from valid
        where
            filename like '%{BACKFILL_DATE}-backfill%'
            or (filename like '%2026-01.parquet' and event_time < timestamp '2025-12-01')
        group by app_id
        order by app_id
        """
    ).fetchall()

    truth = read_truth(demo_folder).apps
    assert late == [
        ("leaky", truth["leaky"].late_rows, date(2025, 11, 5), date(2025, 11, 15)),
        ("spike", truth["spike"].late_rows, date(2025, 11, 10), date(2025, 11, 20)),
    ]


def test_events_fill_the_announced_days_and_no_others(con: duckdb.DuckDBPyConnection) -> None:
    spans = con.execute(
        """
        select app_id, min(event_time)::date, max(event_time), count(distinct event_time::date)
        from events
        group by app_id
        order by app_id
        """
    ).fetchall()

    for _, first_day, last_time, days in spans:
        assert (first_day, days) == (date(2025, 9, 30), 151)
        assert datetime(2026, 2, 27, 23, 59, 30) <= last_time < datetime(2026, 2, 28)
    assert len(spans) == 3


def test_a_user_begins_on_the_day_of_the_first_open(con: duckdb.DuckDBPyConnection) -> None:
    misplaced = con.execute(
        """
        select count(*)
        from users
        left join (
            select app_id, user_id, event_time::date as day
            from events
            where event_name = 'first_open'
        ) as opened using (app_id, user_id)
        where opened.day is distinct from users.cohort_date
        """
    ).fetchone()

    assert misplaced == (0,)


@pytest.mark.parametrize("app_id", list(WATERMARKS))
@pytest.mark.parametrize("day_n", CHECKED_DAYS)
def test_truth_lies_in_the_interval_that_is_measured(
    con: duckdb.DuckDBPyConnection, demo_folder: Path, app_id: str, day_n: int
) -> None:
    measured = con.execute(
        """
        select count(*), count(user_days.day)
        from users
        left join user_days
            on users.app_id = user_days.app_id
            and users.user_id = user_days.user_id
            and user_days.day = users.cohort_date + $day_n::integer
        where users.app_id = $app_id and users.cohort_date + $day_n::integer <= $watermark
        """,
        {"app_id": app_id, "day_n": day_n, "watermark": WATERMARKS[app_id]},
    ).fetchone()
    assert measured is not None

    low, high = wilson(measured[1], measured[0])

    assert low <= read_truth(demo_folder).retention[app_id][day_n] <= high


@pytest.mark.parametrize(
    ("app_id", "event_name", "at_least"),
    [
        ("spike", "video_created", 2.5),
        ("habit", "comment_posted", 1.1),
        ("leaky", "photo_edited", 1.1),
    ],
)
def test_who_makes_something_on_the_first_day_comes_back_more_often(
    con: duckdb.DuckDBPyConnection, app_id: str, event_name: str, at_least: float
) -> None:
    rates = con.execute(
        """
        with first_days as (
            select users.user_id, users.cohort_date, bool_or(event_name = $event_name) as created,
            from users
            inner join events using (app_id, user_id)
            where app_id = $app_id and event_time::date = cohort_date
            group by all
        )
        select created, count(day) / count(*)
        from first_days
        left join user_days
            on user_days.app_id = $app_id and user_days.user_id = first_days.user_id
            and user_days.day = first_days.cohort_date + 1
        group by created
        """,
        {"app_id": app_id, "event_name": event_name},
    ).fetchall()
    of = dict(rates)

    assert of[True] > at_least * of[False]


def test_the_sources_file_names_events_that_are_there(con: duckdb.DuckDBPyConnection) -> None:
    named = [
        (app.app_id, event)
        for app in load_sources(PROJECT_ROOT / "profiles" / "sources.yml").apps
        for event in (*app.creation_events, *app.sharing_events)
    ]
    there = con.execute("select distinct app_id, event_name from events").fetchall()

    assert len(named) == 6
    assert set(named) <= set(there)


def test_the_sources_file_speaks_of_the_same_apps_and_days() -> None:
    sources = load_sources(PROJECT_ROOT / "profiles" / "sources.yml")

    assert [
        (app.app_id, app.name, app.description, app.simulated, app.store_ids)
        for app in sources.apps
    ] == [(app.app_id, app.name, app.description, True, {"apple": app.store_id}) for app in APPS]
    assert {source.app_id: source.complete_through for source in sources.events} == {
        "spike": WATERMARKS["spike"],
        "habit": WATERMARKS["habit"],
        "leaky": None,
    }


def test_the_sources_file_maps_every_row_that_is_not_broken(
    con: duckdb.DuckDBPyConnection, demo_folder: Path
) -> None:
    con.execute(
        """
        create or replace temp view spike_rows as
        select
            line ->> '$.eventId' as "eventId", line ->> '$.userId' as "userId",
            line ->> '$.name' as name, line ->> '$.ts' as ts, line ->> '$.platform' as platform,
            line ->> '$.appVersion' as "appVersion", line ->> '$.props' as props,
        from spike_lines
        where json_valid(line)
        """
    )
    for source in load_sources(PROJECT_ROOT / "profiles" / "sources.yml").events:
        mapped = ", ".join(
            f"count(try({expression})) as {name}" for name, expression in source.columns.items()
        )
        result = con.execute(f"select count(*), {mapped} from {source.app_id}_rows")
        names = [column[0] for column in result.description][1:]
        total, *filled = result.fetchone() or ()
        rejects = read_truth(demo_folder).apps[source.app_id].rejects
        empty = {name: total - count for name, count in zip(names, filled, strict=True)}

        assert empty.pop("user_id") == rejects["missing_user_id"]
        unreadable = rejects.get("missing_time", 0) + rejects.get("unreadable_time", 0)
        as_text = source.app_id == "habit"  # text is read as a time by the landing
        assert empty.pop("event_time") == (0 if as_text else unreadable)
        assert set(empty.values()) == {0}
