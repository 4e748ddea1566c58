"""What a publication tells beside the marts: the gates' history, the scorecard before and now."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.publish import publish
from flows.settings import Settings
from flows.sources import Sources
from flows.warehouse import create_schemas

MILESTONES = (1, 7, 30, 60)
WAREHOUSE = """
create schema if not exists intermediate;
create schema if not exists marts;
create table intermediate.int_extract_days
    (extract_id varchar, app_id varchar, activity_date date, events bigint);
create table marts.dim_apps as
select 'a' as app_id, date '2026-02-01' as watermark, true as is_tracked;
"""
SCORECARD = f"""
create or replace table marts.app_scorecard as
select
    'a' as app_id, date '2026-02-01' as watermark, 100::bigint as users, 31::bigint as cohorts,
    'too_early' as verdict, null::double as verdict_confidence,
    {", ".join(f"{60 - n}::bigint as d{n}_cohorts, 0.5::double as d{n}_rate" for n in MILESTONES)}
"""
GATES = """
insert into ops.gate_results values
    ('run-1', 'raw', '2026-02-01 04:00', 'app_events', 'x1', 'has a time', 'critical', false, 3,
        null, '3 rows'),
    ('run-1', 'raw', '2026-02-01 04:00', 'app_events', 'x2', 'has a time', 'critical', false, 1,
        null, '1 row'),
    ('run-1', 'raw', '2026-02-01 04:00', 'app_events', 'all', 'has a name', 'critical', true, 0,
        null, null),
    ('run-2', 'mart', '2026-02-02 04:00', 'curves', 'fct', 'falls', 'warning', false, 2,
        null, '2 rows')
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    with duckdb.connect(str(settings.warehouse_path)) as con:
        create_schemas(con)
        con.execute(WAREHOUSE)
        con.execute(SCORECARD)
        con.execute(GATES)
    return settings


def issue(settings: Settings, day: int, change: str = "select 1") -> str:
    with duckdb.connect(str(settings.warehouse_path)) as con:
        con.execute(change)
    return publish(settings, Sources(), gate_results=[], now=datetime(2026, 2, day)).publication_id


def ask(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(settings.marts_path), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_gate_history_counts_each_expectation_once_per_run_and_suite(settings: Settings) -> None:
    issue(settings, 3)

    assert ask(
        settings,
        "select run_id, stage, suite, checks, passed, warnings, critical_failures, failed "
        "from gate_history order by checked_at",
    ) == [
        ("run-1", "raw", "app_events", 2, 1, 0, 1, "has a time (x1, x2)"),
        ("run-2", "mart", "curves", 1, 0, 1, 0, "falls (fct)"),
    ]


def test_scorecard_changes_tell_what_was_said_before_and_are_carried_over(
    settings: Settings,
) -> None:
    first = issue(settings, 3)
    assert ask(settings, "from scorecard_changes") == []

    second = issue(
        settings,
        4,
        "update marts.app_scorecard set watermark = '2026-02-02', verdict = 'spike', "
        "verdict_confidence = 0.9, d1_cohorts = 60, d7_rate = 0.4",
    )
    said = (
        "select publication_id, compared_with, app_id, is_new_app, old_verdict, new_verdict, "
        "old_d1_cohorts, new_d1_cohorts, old_d7_rate, new_d7_rate, old_d60_rate, new_d60_rate "
        "from scorecard_changes order by publication_id"
    )
    changed = (
        second, first, "a", False, "too_early", "spike", 59, 60, 0.5, 0.4, 0.5, 0.5
    )  # fmt: skip
    assert ask(settings, said) == [changed]

    third = issue(
        settings, 5, "insert into marts.app_scorecard select * replace ('b' as app_id) "
        "from marts.app_scorecard"
    )  # fmt: skip
    told = ask(settings, said)
    assert told[0] == changed
    assert told[1][:6] == (third, second, "b", True, None, "spike")
    assert len(told) == 2


def test_an_unchanged_scorecard_changes_nothing(settings: Settings) -> None:
    issue(settings, 3)
    issue(settings, 4)

    assert ask(settings, "from scorecard_changes") == []
