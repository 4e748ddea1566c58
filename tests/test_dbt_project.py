"""The dbt project, built on real warehouses: exact mart cells, the empty warehouse, the YAML."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from dbt.cli.main import dbtRunner

from flows.builds import INPUTS
from flows.dbt_commands import let_go_of_the_warehouse
from flows.outlook.fitting import fit_outlook
from flows.outlook.rules import VerdictRules
from flows.settings import PROJECT_ROOT
from flows.warehouse import create_schemas
from tests import oracle
from tests.manifest import parsed_project

HORIZON_DAYS = 60
VARS = {"reporting_timezone": "Asia/Tokyo", "horizon_days": HORIZON_DAYS}

MARTS = {
    "dim_apps",
    "fct_cohort_retention_daily",
    "fct_cohort_retention_weekly",
    "fct_cohort_retention_monthly",
    "fct_retention_curves",
    "fct_growth_accounting",
    "fct_app_activity_daily",
    "fct_app_ranks_daily",
    "fct_rank_summary",
    "fct_rank_company",
    "fct_chart_movers",
    "fct_installs_daily",
    "fct_forecasts",
    "fct_forecast_curves",
    "fct_forecast_backtest",
    "fct_retention_by_behaviour",
    "launch_notes",
    "fct_launch_effects",
    "fct_growth_shape",
    "fct_launch_velocity",
    "fct_reviews_weekly",
    "fct_review_themes",
    "review_samples",
    "app_scorecard",
    "data_freshness",
    "fct_missing_days",
    "late_arrivals",
}

# Times are Tokyo's, nine hours ahead of the UTC that lands: the first event is of 2023 in UTC.
EVENTS = """
    ('reel', 'u1', '2024-01-01 00:30:00', 'ios', 'jp', 'paid', 'x1'),
    ('reel', 'u1', '2024-01-02 00:29:00', 'ios', 'jp', 'paid', 'x1'), -- 23 h 59 min later
    ('reel', 'u1', '2024-01-08 12:00:00', 'ios', 'us', 'paid', 'x2'),
    ('reel', 'u2', '2024-01-01 23:30:00', 'android', null, 'organic', 'x1'), -- silent afterwards
    ('reel', 'u3', '2024-01-01 10:00:00', 'ios', 'jp', 'paid', 'x1'),
    ('reel', 'u3', '2024-01-02 10:00:00', 'ios', 'jp', 'paid', 'x1'), -- 24 h 0 min later
    ('reel', 'u3', '2024-01-11 10:00:00', 'ios', 'jp', 'paid', 'x2'), -- after the watermark
    ('reel', 'u4', '2024-01-09 09:00:00', 'ios', 'jp', 'paid', 'x2'), -- a cohort still maturing
    ('reel', 'u5', '2024-01-12 09:00:00', 'ios', 'jp', 'paid', 'x2'), -- cohort after the watermark
    ('reel', 'u6', '2024-01-01 09:00:00', 'ios', 'jp', 'paid', 'q'), -- quarantined
    ('young', 'v1', '2024-01-02 09:00:00', 'ios', 'jp', 'paid', 'y'),
    ('young', 'v1', '2024-01-03 08:00:00', 'ios', 'jp', 'paid', 'y')
"""

HISTORY = f"""
    insert into raw.app_events
    select
        app_id, md5(app_id || user_id || local_time)::uuid, md5(app_id || user_id)::uuid, 'open',
        local_time::timestamp - interval 9 hours, platform, country, null, channel, null,
        extract_id, timestamp '2024-01-13'
    from (values {EVENTS}) as e
        (app_id, user_id, local_time, platform, country, channel, extract_id);

    insert into raw.extracts (
        extract_id, source, kind, format, uri, checksum, bytes, modified_at, rows_seen, rows_landed,
        rows_rejected, rows_duplicate, min_event_time, max_event_time, status, landed_at
    )
    select
        extract_id, any_value(app_id) || '_events', 'events', 'custom', 'file', 'checksum', 1,
        timestamp '2024-01-13', count(*), count(*), 0, 0, min(event_time), max(event_time),
        if(extract_id = 'q', 'quarantined', 'landed'), timestamp '2024-01-13'
    from raw.app_events
    group by extract_id;

    insert into raw.apps values
        ('reel', 'Reel', 'Short videos', false, null, null),
        ('young', 'Young', null, true, null, null);
    insert into raw.event_sources (source, app_id, complete_through) values
        ('reel_events', 'reel', date '2024-01-10'), ('young_events', 'young', null);
    insert into raw.app_store_ids values ('reel', 'apple', '42');
    insert into raw.launch_notes values ('reel', '2024-01-09', 'release', 'Two');

    insert into raw.extracts (
        extract_id, source, kind, format, uri, checksum, bytes, modified_at, rows_seen, rows_landed,
        rows_rejected, rows_duplicate, min_event_time, max_event_time, status, landed_at
    ) values (
        'c', 'charts', 'ranks', 'custom', 'file', 'checksum-c', 1, timestamp '2024-01-03',
        3, 3, 0, 0, timestamp '2024-01-01 01:00:00', timestamp '2024-01-03 01:00:00', 'landed',
        timestamp '2024-01-03'
    );
    insert into raw.chart_snapshots
    select
        'chart-' || day, 'charts', 'apple', 'us', 'top-free', 'all',
        make_timestamp(2024, 1, day, 1, 0, 0), 100, 2, null, status, null, null, 'c',
        timestamp '2024-01-03', null
    from (values (1, 'observed'), (2, 'unchanged'), (3, 'observed')) as s (day, status);
    insert into raw.extracts (
        extract_id, source, kind, format, uri, checksum, bytes, modified_at, rows_seen, rows_landed,
        rows_rejected, rows_duplicate, min_event_time, max_event_time, status, landed_at
    ) values (
        'i', 'sales', 'installs', 'app_store_sales', 'file', 'checksum-i', 1,
        timestamp '2024-01-03', 2, 2, 0, 0, timestamp '2024-01-01', timestamp '2024-01-02',
        'landed', timestamp '2024-01-03'
    );
    insert into raw.store_installs (
        source, store, store_app_id, install_date, country, metric, units, extract_id, landed_at
    ) values
        ('sales', 'apple', '42', '2024-01-01', 'JP', 'downloads', 99000, 'i', '2024-01-03'),
        ('sales', 'apple', '42', '2024-01-02', 'JP', 'downloads', 600, 'i', '2024-01-03'),
        ('sales', 'apple', '42', '2024-01-02', 'US', 'downloads', 400, 'i', '2024-01-03');
    insert into raw.extracts (
        extract_id, source, kind, format, uri, checksum, bytes, modified_at, rows_seen, rows_landed,
        rows_rejected, rows_duplicate, min_event_time, max_event_time, status, landed_at
    ) values (
        'r', 'reviews', 'reviews', 'itunes_reviews', 'file', 'checksum-r', 1,
        timestamp '2024-01-09', 4, 4, 0, 0, timestamp '2023-12-31 16:00:00',
        timestamp '2024-01-08 16:00:00', 'landed', timestamp '2024-01-09'
    );
    insert into raw.app_reviews by name
    select
        'reviews' as source, 'apple' as store, store_app_id, 'jp' as storefront, review_id, rating,
        '1.0' as app_version, title, body, md5(review_id)::uuid as author_key,
        reviewed_at::timestamp as reviewed_at, 'r' as extract_id,
        timestamp '2024-01-09' as landed_at,
    from (values
        ('42', 'r1', 5, '最高', '友達にシェアしました。',
            '2023-12-31 16:00:00'), -- new year in Tokyo
        ('42', 'r2', 4, 'Nice', 'Sharing works; write to me@mail.example.com.',
            '2024-01-02 01:00:00'),
        ('42', 'r2', 1, 'Crashes now', 'It was nice; write to me@mail.example.com, please.',
            '2024-01-03 01:00:00'),
        ('77', 'r3', 1, 'Crash', 'Of an app that nobody tracks.', '2024-01-03 01:00:00')
    ) as r (store_app_id, review_id, rating, title, body, reviewed_at);
    insert into raw.chart_ranks values
        ('chart-1', 1, '42', 'Reel - the app', null, null, 'c'),
        ('chart-1', 2, '77', 'Other', null, null, 'c'),
        ('chart-3', 1, '77', 'Other', null, null, 'c');
"""


PROJECT = (
    *("--vars", json.dumps(VARS)),
    *("--project-dir", str(PROJECT_ROOT / "dbt_project")),
    *("--profiles-dir", str(PROJECT_ROOT / "profiles")),
    *("--log-level", "none", "--log-level-file", "none"),
)


@functools.cache
def parsed() -> Any:
    """dbt's manifest of the project, once for all homes: it does not say where one is."""
    with TemporaryDirectory() as folder:
        return parsed_project(Path(folder))


def dbt(home: Path, *command: str) -> Any:
    """Run dbt on the warehouse in ``home`` with the zone and horizon of these tests."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AFTERHYPE_WAREHOUSE", str(home / "warehouse.duckdb"))
        environment.setenv("AFTERHYPE_DBT_KEEPS_OPEN", "True")
        result = dbtRunner(manifest=parsed()).invoke(
            [
                *command,
                *PROJECT,
                *("--target-path", str(home / "target")),
                *("--log-path", str(home / "logs")),
            ]
        )
    let_go_of_the_warehouse()
    assert result.exception is None
    messages = [f"{r.node.name}: {r.message}" for r in result.result if r.failures or r.message]
    assert result.success, "\n".join(messages)
    return result.result


def build(home: Path, history: str) -> Path:
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        create_schemas(con)
        con.execute(history)
    no_unit_tests = ("build", "--exclude-resource-type", "unit_test")
    each_by_itself = ("--indirect-selection", "empty", "--select")
    dbt(home, *no_unit_tests, *each_by_itself, "tag:counts")
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        fit_outlook(con, HORIZON_DAYS, VerdictRules())
    the_rest = ("tag:marts", "resource_type:test", "--exclude", "tag:counts")
    dbt(home, *no_unit_tests, *each_by_itself, *the_rest)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose warehouse was built from the history above."""
    return build(tmp_path_factory.mktemp("history"), HISTORY)


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose warehouse was built before anything was landed or configured."""
    return build(tmp_path_factory.mktemp("empty"), "")


@pytest.fixture
def con(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    # opening also proves that dbt has let go of the file
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("parsed") / "manifest.json"
    parsed().writable_manifest().write(str(path))
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def day(text: str) -> date:
    return date.fromisoformat(f"2024-{text}")


def test_triangle_of_the_first_cohort(con: duckdb.DuckDBPyConnection) -> None:
    cells = con.execute("""
        select day_n, eligible_users, retained_users, returned_users, retained_users_24h,
            is_complete, completes_on
        from marts.fct_cohort_retention_daily
        where app_id = 'reel' and cohort_date = date '2024-01-01' and platform = 'ios'
            and country = 'jp' and channel = 'paid' and cohort_users = 2
        order by day_n
    """).fetchall()
    assert len(cells) == 61
    assert cells[0] == (0, 2, 2, 2, 2, True, day("01-01"))
    assert cells[1] == (1, 2, 2, 2, 1, True, day("01-02"))
    assert cells[2] == (2, 2, 0, 1, 0, True, day("01-03"))
    assert cells[7] == (7, 2, 1, 1, 1, True, day("01-08"))
    assert cells[9] == (9, 2, 0, 0, None, True, day("01-10"))
    assert cells[10] == (10, None, None, None, None, False, day("01-11"))


def test_silent_user_is_eligible_and_never_retained(con: duckdb.DuckDBPyConnection) -> None:
    cells = con.execute("""
        select day_n, country, eligible_users, retained_users, returned_users, retained_users_24h
        from marts.fct_cohort_retention_daily
        where app_id = 'reel' and platform = 'android' and day_n <= 1
        order by day_n
    """).fetchall()
    assert cells == [(0, "unknown", 1, 1, 1, 1), (1, "unknown", 1, 0, 0, 0)]


def test_cohorts_are_maturing_or_absent(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("""
        select cohort_date, count(*) filter (is_complete)
        from marts.fct_cohort_retention_daily
        where app_id = 'reel'
        group by cohort_date
        order by cohort_date
    """).fetchall() == [(day("01-01"), 2 * 10), (day("01-09"), 2)]


def test_curves_pool_complete_cohorts(con: duckdb.DuckDBPyConnection) -> None:
    points = con.execute("""
        select definition, period_n, eligible_users, retained_users, retention_rate, cohorts,
            is_complete, completes_on
        from marts.fct_retention_curves
        where app_id = 'reel' and period = 'day' and period_n in (0, 1, 7, 60)
            and definition in ('classic', 'unbounded')
        order by definition, period_n
    """).fetchall()
    assert points == [
        ("classic", 0, 4, 4, 1.0, 2, True, day("01-01")),
        ("classic", 1, 4, 2, 0.5, 2, True, day("01-02")),
        ("classic", 7, 3, 1, 1 / 3, 1, True, day("01-08")),
        ("classic", 60, None, None, None, 0, False, day("03-01")),
        ("unbounded", 0, 4, 4, 1.0, 2, True, day("01-01")),
        ("unbounded", 1, 4, 2, 0.5, 2, True, day("01-02")),
        ("unbounded", 7, 3, 1, 1 / 3, 1, True, day("01-08")),
        ("unbounded", 60, None, None, None, 0, False, day("03-01")),
    ]


def test_wilson_interval_of_two_in_four(con: duckdb.DuckDBPyConnection) -> None:
    interval = con.execute("""
        select ci_low, ci_high
        from marts.fct_retention_curves
        where app_id = 'reel' and definition = 'classic' and period = 'day' and period_n = 1
    """).fetchone()
    # 0.5 -+ z / (2 sqrt(n + z^2)), which is what the formula comes to at one half
    assert interval == pytest.approx((0.1500390, 0.8499610), abs=1e-6)


def test_growth_by_day_and_week(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select period, period_start, active, new, retained, resurrected, churned, quick_ratio,
            completes_on
        from marts.fct_growth_accounting
        where app_id = 'reel' and (period = 'week' or active > 0 or churned > 0)
        order by period, period_start
    """).fetchall()
    assert rows == [
        ("day", day("01-01"), 3, 3, 0, 0, 0, None, day("01-01")),
        ("day", day("01-02"), 2, 0, 2, 0, 1, 0.0, day("01-02")),
        ("day", day("01-03"), 0, 0, 0, 0, 2, 0.0, day("01-03")),
        ("day", day("01-08"), 1, 0, 0, 1, 0, None, day("01-08")),
        ("day", day("01-09"), 1, 1, 0, 0, 1, 1.0, day("01-09")),
        ("day", day("01-10"), 0, 0, 0, 0, 1, 0.0, day("01-10")),
        ("week", day("01-01"), 3, 3, 0, 0, 0, None, day("01-07")),
        ("week", day("01-08"), None, None, None, None, None, None, day("01-14")),
    ]


def test_activity_rolls_over_quiet_days(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select activity_date, dau, wau, mau, stickiness, new_users, events
        from marts.fct_app_activity_daily
        where app_id = 'reel' and activity_date in ('2024-01-01', '2024-01-07', '2024-01-08')
        order by activity_date
    """).fetchall()
    assert rows == [
        (day("01-01"), 3, 3, 3, 1.0, 3, 3),
        (day("01-07"), 0, 3, 3, 0.0, 0, 0),
        (day("01-08"), 1, 2, 3, 1 / 3, 0, 1),
    ]
    span = con.execute("""
        select app_id, min(activity_date), max(activity_date), count(*)
        from marts.fct_app_activity_daily group by app_id order by app_id
    """).fetchall()
    assert span == [
        ("reel", day("01-01"), day("01-10"), 10),
        ("young", day("01-02"), day("01-02"), 1),
    ]


def test_apps_of_sources_and_charts(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("from marts.dim_apps order by app_id").fetchall() == [
        ("apple:77", "Other", None, False, False, None, None, None, None, None, None, None),
        (
            "reel",
            "Reel",
            "Short videos",
            True,
            False,
            None,
            None,
            day("01-01"),
            day("01-10"),
            4,
            0,
            7,
        ),
        ("young", "Young", None, True, True, None, None, day("01-02"), day("01-02"), 1, 0, 1),
    ]


def test_ranks_tell_off_chart_from_not_fetched(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select app_id, rank_date, state, rank, best_rank, depth, snapshots
        from marts.fct_app_ranks_daily
        order by app_id, rank_date
    """).fetchall()
    assert rows == [
        ("apple:77", day("01-01"), "ranked", 2, 2, 2, 1),
        ("apple:77", day("01-02"), "not_fetched", None, None, None, 0),
        ("apple:77", day("01-03"), "ranked", 1, 1, 2, 1),
        ("reel", day("01-01"), "ranked", 1, 1, 2, 1),
        ("reel", day("01-02"), "not_fetched", None, None, None, 0),
        ("reel", day("01-03"), "off_chart", None, None, 2, 1),
    ]
    summary = con.execute("""
        select peak_rank, peak_date, latest_state, latest_rank, latest_date, days_ranked,
            days_off_chart, days_not_fetched, days_top_10, max_depth
        from marts.fct_rank_summary where app_id = 'reel'
    """).fetchall()
    assert summary == [(1, day("01-01"), "off_chart", None, day("01-03"), 1, 1, 1, 1, 2)]


def test_scorecard_says_when_day_60_can_be_known(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select app_id, first_cohort_date, watermark, users, cohorts, d1_rate, d1_eligible_users,
            d1_is_complete, d1_completes_on,
            d60_rate, d60_cohorts, d60_is_complete, d60_completes_on
        from marts.app_scorecard order by app_id
    """).fetchall()
    reel = ("reel", day("01-01"), day("01-10"), 4, 2, 0.5, 4, True, day("01-02"))
    young = ("young", day("01-02"), day("01-02"), 1, 1, None, None, False, day("01-03"))
    assert rows == [
        (*reel, None, 0, False, day("03-01")),
        (*young, None, 0, False, day("03-02")),
    ]


def test_scorecard_follows_the_chart_of_the_peak(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select app_id, peak_rank, peak_rank_date, peak_storefront, peak_chart, latest_rank,
            latest_rank_state, latest_rank_date
        from marts.app_scorecard order by app_id
    """).fetchall()
    assert rows == [
        ("reel", 1, day("01-01"), "us", "top-free", None, "off_chart", day("01-03")),
        ("young", None, None, None, None, None, None, None),
    ]


def test_installs_add_up_over_countries(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select app_id, install_date, downloads, cumulative_downloads, missing_days, days_to_100k
        from marts.fct_installs_daily order by install_date
    """).fetchall()
    assert rows == [
        ("reel", day("01-01"), 99000, 99000, 0, None),
        ("reel", day("01-02"), 1000, 100000, 0, 1),
    ]


def test_behaviour_of_those_who_have_completed_day_7(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select app_id, observed_in, behaviour, value, did, outcome_day_n, users, retained_users,
            user_share, event_share, rate_ratio, has_enough_users
        from marts.fct_retention_by_behaviour
        order by observed_in, behaviour, value
    """).fetchall()
    everybody = (True, 7, 3, 1, 1.0, 1.0, 1.0, False)
    assert rows == [
        ("reel", "first_day", "distinct_events", "1", *everybody),
        ("reel", "first_day", "events", "1", *everybody),
        # u1 and u3 are back on day 1, u2 is not; u1 alone is there on day 7
        ("reel", "first_week", "active_days", "1", True, 7, 1, 0, 1 / 3, 0.2, None, False),
        ("reel", "first_week", "active_days", "2", True, 7, 2, 1, 2 / 3, 0.8, None, False),
        ("reel", "first_week", "distinct_events", "1", *everybody),
        ("reel", "first_week", "events", "1", True, 7, 1, 0, 1 / 3, 0.2, None, False),
        ("reel", "first_week", "events", "2-3", True, 7, 2, 1, 2 / 3, 0.8, None, False),
    ]


def test_growth_shape_counts_from_the_launch(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select activity_date, launch_day_n, cumulative_users, cumulative_downloads, new_users_7d,
            active_users_7d, quick_ratio_7d, new_users_vs_peak, arrives_but_leaves
        from marts.fct_growth_shape
        where app_id = 'reel' and activity_date in ('2024-01-02', '2024-01-08', '2024-01-10')
        order by activity_date
    """).fetchall()
    assert rows == [
        (day("01-02"), 1, 3, 100000, 3, 3, None, 1.0, None),
        # in the week up to the 8th u1 and u3 are still there, u2 is not
        (day("01-08"), 7, 3, None, 0, 2, 0.0, 0.0, False),
        (day("01-10"), 9, 4, None, 1, 2, 0.5, 1 / 3, False),
    ]
    assert con.execute("""
        select app_id, measure, milestone, reached_on, days_since_launch
        from marts.fct_launch_velocity where reached_on is not null
        order by all
    """).fetchall() == [
        ("reel", "downloads", 10000, day("01-01"), 0),
        ("reel", "downloads", 100000, day("01-02"), 1),
    ]


def test_a_launch_note_without_complete_cohorts_says_when(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("from marts.launch_notes").fetchall() == [
        ("reel", day("01-09"), "release", "Two")
    ]
    rows = con.execute("""
        select day_n, users_before, users_after, rate_before, rate_after, difference, noise,
            is_beyond_noise, is_complete, completes_on
        from marts.fct_launch_effects order by day_n
    """).fetchall()
    unknown = (None, None, False)
    assert rows == [
        (1, 3, 1, 2 / 3, 0.0, round(-2 / 3, 12), *unknown, day("01-23")),
        (7, 3, None, 1 / 3, None, None, *unknown, day("01-29")),
        (30, None, None, None, None, None, *unknown, day("02-21")),
    ]


def test_reviews_are_told_by_week_and_by_the_peak(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("from marts.fct_reviews_weekly order by all").fetchall() == [
        ("reel", "apple", day("01-01"), 2, 3.0, 1, 0, 0, 0, 1, True),
        ("reel", "apple", day("01-08"), None, None, None, None, None, None, None, False),
    ]
    assert con.execute("""
        select theme, period, reviews, mentions, share, mean_rating
        from marts.fct_review_themes
        where theme in ('sharing', 'crashes') and period <> 'all'
        order by theme, period desc
    """).fetchall() == [
        ("crashes", "before_peak", 1, 0, 0.0, None),
        ("crashes", "after_peak", 1, 1, 1.0, 1.0),
        ("sharing", "before_peak", 1, 1, 1.0, 5.0),
        ("sharing", "after_peak", 1, 0, 0.0, None),
    ]


def test_a_sample_names_nobody(con: duckdb.DuckDBPyConnection) -> None:
    columns = "theme, sample_n, reviewed_on, rating, storefront, language, quote"
    assert con.execute(f"select {columns} from marts.review_samples").fetchall() == [
        (
            "crashes",
            1,
            day("01-03"),
            1,
            "jp",
            "en",
            "Crashes now: It was nice; write to [removed], please.",
        )
    ]


def test_seeds_have_keywords_of_every_theme_in_every_language(
    con: duckdb.DuckDBPyConnection,
) -> None:
    counts = con.execute("""
        select theme, language, count(*) from seeds.review_themes group by all
    """).fetchall()
    assert len(counts) == 8 * 4
    assert min(count for _, _, count in counts) >= 5
    # a word that two languages share would make a review in the one look like one in the other
    assert (
        con.execute("""
        select en.keyword, es.keyword
        from seeds.review_themes as en, seeds.review_themes as es
        where en.language = 'en' and es.language = 'es'
            and starts_with(strip_accents(en.keyword), strip_accents(es.keyword))
    """).fetchall()
        == []
    )


def test_freshness_counts_what_is_held_back(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        select source, kind, app_id, extracts_landed, extracts_quarantined, rows_landed
        from marts.data_freshness order by source
    """).fetchall()
    assert rows == [
        ("charts", "ranks", None, 1, 0, 3),
        ("reel_events", "events", "reel", 2, 1, 9),
        ("reviews", "reviews", None, 1, 0, 4),
        ("sales", "installs", None, 1, 0, 2),
        ("young_events", "events", "young", 1, 0, 2),
    ]


def test_no_mart_has_a_user_key(con: duckdb.DuckDBPyConnection) -> None:
    columns = con.execute("""
        select table_name, column_name
        from information_schema.columns
        where table_schema = 'marts' and (column_name like '%user_key%' or data_type = 'UUID')
    """).fetchall()
    assert columns == []


def test_empty_warehouse_builds_empty_marts(empty_home: Path) -> None:
    with duckdb.connect(str(empty_home / "warehouse.duckdb"), read_only=True) as con:
        tables = con.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
        assert {name for (name,) in tables} == MARTS
        for mart in MARTS:
            assert con.execute(f"from marts.{mart}").fetchall() == []


def test_unit_tests_pass(empty_home: Path) -> None:
    results = dbt(empty_home, "test", "--select", "test_type:unit")
    assert len(results) >= 20


def test_a_day_begins_at_its_first_midnight_on_every_day(empty_home: Path) -> None:
    first, last = date(2010, 1, 1), date(2030, 12, 31)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    assert len(days) == 7670
    days_given = "select unnest(cast(? as date[])) as day"
    query = f"select day, {{{{ day_begins_at('day') }}}} as begins from ({days_given})"
    compiled = dbt(empty_home, "compile", "--inline", query)[0].node.compiled_code
    assert VARS["reporting_timezone"] in compiled
    zones = (
        *("Atlantic/Azores", "America/Havana"),  # clocks go back over midnight every year
        "Asia/Chita",  # did so once, by two hours
        *("Africa/Cairo", "Asia/Beirut"),  # clocks skip midnight
        "Australia/Lord_Howe",  # clocks change by half an hour
    )
    for zone in zones:
        in_zone = compiled.replace(VARS["reporting_timezone"], zone)
        with duckdb.connect() as con:
            found = dict(con.execute(in_zone, [days]).fetchall())
        assert found == {day: first_midnight(day, zone) for day in days}
        # the oracle looks at every minute, which takes too long for every day
        for day, after in pairwise(days):
            if day.day == 1 or found[after] - found[day] != timedelta(days=1):
                for about in (day, after):
                    assert found[about] == oracle.day_start(about, zone)


def first_midnight(day: date, zone: str) -> datetime:
    """What zoneinfo says; where clocks skip midnight, the instant at which they do."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone), fold=0)
    return midnight.astimezone(UTC).replace(tzinfo=None)


def test_every_model_and_column_is_described(manifest: dict[str, Any]) -> None:
    models = [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]
    assert [m["name"] for m in models if not m["description"].startswith("One row per ")] == []
    described = {
        node["name"]: {c["name"] for c in node["columns"].values() if c["description"].strip()}
        for node in [*models, *manifest["sources"].values()]
    }
    with duckdb.connect() as con:
        create_schemas(con)
        raw = con.execute("""
            select table_name, column_name from information_schema.columns
            where table_schema = 'raw'
        """).fetchall()
    undescribed = [
        f"{table}.{column}"
        for table, column in raw
        if table in described and column not in described[table]
    ]
    assert undescribed == []
    assert all(described.values())


def test_what_is_parsed_serves_every_sources_file(manifest: dict[str, Any]) -> None:
    for node in manifest["nodes"].values():
        assert "var(" not in json.dumps(node["unrendered_config"]), node["unique_id"]
        # dbt keeps an ephemeral model's SQL as it was compiled first, with whatever variables
        assert node["config"]["materialized"] != "ephemeral", node["unique_id"]


def test_every_source_but_the_ledgers_belongs_to_an_input(manifest: dict[str, Any]) -> None:
    inputs = {
        source["name"]: [tag for tag in source["tags"] if tag.endswith("_input")]
        for source in manifest["sources"].values()
        if source["source_name"] in ("raw", "ops")
    }
    assert {name for name, tags in inputs.items() if not tags} == {"extracts", "builds"}
    assert {tag for tags in inputs.values() for tag in tags} == {f"{name}_input" for name in INPUTS}
    assert all(len(tags) <= 1 for tags in inputs.values())


def test_descriptions_fit_the_built_columns(home: Path, manifest: dict[str, Any]) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        built = con.execute("""
            select table_name, list(column_name order by ordinal_position)
            from information_schema.columns
            where table_schema in ('staging', 'intermediate', 'semantic', 'marts')
            group by table_name
        """).fetchall()
    declared = {
        node["name"]: list(node["columns"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }
    assert dict(built) == declared


def test_every_mart_has_an_enforced_contract(manifest: dict[str, Any]) -> None:
    marts = [n for n in manifest["nodes"].values() if n.get("schema") == "marts"]
    contracts = {m["name"]: m["config"]["contract"]["enforced"] for m in marts if "columns" in m}
    assert {name for name, enforced in contracts.items() if enforced} >= MARTS
    models = {m["name"] for m in marts if m["resource_type"] == "model"}
    assert models == MARTS
