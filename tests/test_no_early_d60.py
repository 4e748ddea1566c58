"""An app of 58 complete days has no D60: not in a mart, not on a page, not in an artifact."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from flows import pipeline
from flows.artifact import as_markdown
from flows.published import query
from flows.settings import Settings
from flows.stages import Summary
from tests.presence import present

FIRST = date(2026, 1, 1)
AGE = 58

SOURCES = f"""
timezone: UTC
apps:
  - {{app_id: young, name: Young}}
events:
  - name: young_events
    app_id: young
    uri: events.csv
    format: custom
    reader: {{type: csv}}
    columns: {{user_id: who, event_time: at, event_name: what, event_id: id}}
    complete_through: {FIRST + timedelta(days=AGE)}
"""

# Rates that speak of the future, and say so by the name of their mart.
FORECASTS = {"fct_forecasts", "fct_forecast_curves"}

DAY_COLUMNS = ("day_n", "period_n", "outcome_day_n")

MEASURED = re.compile(
    r"retained_users|returned_users|eligible_users|.*_rate|rate_.*|ci_low|ci_high"
)


@pytest.fixture(scope="module")
def young(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Settings, Summary]]:
    """The home of an app with 40 new users a day, of whom every fifth comes back for ever."""
    folder = tmp_path_factory.mktemp("young")
    rows = [
        f"{n}-{start},{FIRST + timedelta(days=day)}T08:00:00Z,open,{n}-{start}-{day}"
        for start in range(AGE + 1)
        for n in range(40)
        for day in ([start] if n % 5 else range(start, AGE + 1))
    ]
    (folder / "events.csv").write_text("\n".join(["who,at,what,id", *rows]) + "\n")
    (folder / "sources.yml").write_text(SOURCES)
    summary = pipeline.daily(home=folder / "home", sources=folder / "sources.yml")
    settings = Settings(home=folder / "home")
    yield settings, summary
    shutil.rmtree(folder)


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    return query(settings, sql)[1]


def test_it_is_58_days_old(young: tuple[Settings, Summary]) -> None:
    settings, _ = young
    ((first, watermark),) = rows(settings, "select first_cohort_date, watermark from app_scorecard")
    assert (watermark - first).days == AGE
    assert rows(settings, "select d60_is_complete, d60_rate from app_scorecard") == [(False, None)]
    # what can be told is told
    assert rows(settings, "select d30_rate, verdict from app_scorecard") == [(0.2, "sticks")]


def test_no_mart_has_a_measured_number_of_day_60_or_later(young: tuple[Settings, Summary]) -> None:
    settings, _ = young
    swept = 0
    with duckdb.connect(str(settings.marts_path), read_only=True) as con:
        columns = con.execute(
            "select table_name, column_name from duckdb_columns() where not internal"
        ).fetchall()
        tables: dict[str, list[str]] = {}
        for table, column in columns:
            tables.setdefault(table, []).append(column)
        for table, names in tables.items():
            (day,) = [name for name in names if name in DAY_COLUMNS] or (None,)
            if day is None or table in FORECASTS:
                continue
            days = f"{day} * case period when 'week' then 7 when 'month' then 30 else 1 end"
            for name in (name for name in names if MEASURED.fullmatch(name)):
                count, measured = present(
                    con.execute(
                        f"select count(*), count({name}) from {table} "
                        f"where {days if 'period' in names else day} > {AGE}"
                    ).fetchone()
                )
                assert measured == 0, f"{table}.{name}"
                swept += count > 0
        for name in (name for name in tables["app_scorecard"] if name.startswith("d60_")):
            if name not in ("d60_completes_on", "d60_is_complete", "d60_cohorts"):
                assert con.execute(f"select count({name}) from app_scorecard").fetchone() == (0,)
                swept += 1
        assert con.execute("select sum(d60_cohorts) from app_scorecard").fetchone() == (0,)
        observed = "select count(*) from fct_forecasts where day_n >= 60 and status = 'observed'"
        assert con.execute(observed).fetchone() == (0,)
        curves = f"select count(observed_rate) from fct_forecast_curves where day_n > {AGE}"
        assert con.execute(curves).fetchone() == (0,)
        assert con.execute(
            "select count(*) from fct_forecast_backtest where day_n > 58"
        ).fetchone() == (0,)
    assert swept > 10


def told_of_day_60(text: str) -> Iterator[str]:
    """Each place where a text speaks of day 60 and a percentage follows before the sentence
    ends."""
    for found in re.finditer(r"\b(?:D|[Dd]ay )60\b[^.|]{0,60}?\d ?%", text):
        yield text[max(0, found.start() - 100) : found.end() + 60]


def is_told_as_a_forecast(text: str) -> bool:
    return (
        re.search(r"forecast|expected|sticking takes|would|completes|not before|needs events", text)
        is not None
    )


def test_no_text_in_a_mart_tells_a_day_60(young: tuple[Settings, Summary]) -> None:
    settings, _ = young
    with duckdb.connect(str(settings.marts_path), read_only=True) as con:
        texts = [
            value
            for table, column in con.execute(
                "select table_name, column_name from duckdb_columns() "
                "where data_type = 'VARCHAR' and not internal and table_name <> 'publication'"
            ).fetchall()
            for (value,) in con.execute(
                f'select distinct "{column}" from {table} where "{column}" is not null'
            ).fetchall()
        ]
    told = [place for text in texts for place in told_of_day_60(text)]
    assert told, "the forecast of day 60 is among the reasons"
    assert [place for place in told if not is_told_as_a_forecast(place)] == []


def test_no_page_tells_a_day_60(young: tuple[Settings, Summary]) -> None:
    settings, _ = young
    site = settings.published_dir / "site"
    pages = [site / "index.html", *sorted((site / "apps").glob("*.html"))]
    assert len(pages) == 2
    for page in pages:
        source = re.sub(r"<(script|style)\b.*?</\1>", " ", page.read_text(), flags=re.DOTALL)
        text = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", source)))
        text = text.replace("\u202f", " ").replace("\u00a0", " ")
        untold = [place for place in told_of_day_60(text) if not is_told_as_a_forecast(place)]
        assert untold == [], page.name


def test_no_chart_draws_an_observed_day_60(young: tuple[Settings, Summary]) -> None:
    settings, _ = young
    for page in (settings.published_dir / "site").glob("**/*.html"):
        if page.parent.name in ("dbt", "data_docs"):
            continue
        for days, rates in re.findall(r'"day":(\[[\d,]+\]),"rate":(\[[^\]]*\])', page.read_text()):
            observed = zip(json.loads(days), json.loads(rates), strict=True)
            assert [n for n, rate in observed if n > AGE and rate is not None] == [], page.name


def test_no_artifact_tells_a_day_60(young: tuple[Settings, Summary]) -> None:
    settings, summary = young
    text = as_markdown(settings, summary)
    assert f"needs {FIRST + timedelta(days=60)}" in text
    untold = [place for place in told_of_day_60(text) if not is_told_as_a_forecast(place)]
    assert untold == []
