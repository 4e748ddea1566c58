"""Fit forecasts, verdicts and rank decay to what a build has counted, once, and write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb

from flows.errors import TransformError
from flows.outlook import tables
from flows.outlook.backtest import backtest, calibrate
from flows.outlook.held_back import Lack, with_notes
from flows.outlook.history import AppHistory
from flows.outlook.rules import VerdictRules
from flows.outlook.slow_sources import slow_sources
from flows.outlook.verdict import ChartDay, judge


def fit_outlook(con: duckdb.DuckDBPyConnection, horizon_days: int, rules: VerdictRules) -> int:
    """Write every table of the schema ``outlook`` anew, in one transaction; return their rows.

    Reads the schema ``intermediate``, each table once. Rates are fractions, days those of the
    reporting time zone. Raises TransformError where the intermediate tables are not there.
    """
    con.begin()
    try:
        rows = sum(_write(con, horizon_days, rules))
        con.commit()
    except duckdb.CatalogException as error:
        con.rollback()
        raise TransformError(
            f"the forecasts cannot be fitted, a table of counts is missing: {error}. "
            "`afterhype build --full` makes everything anew."
        ) from error
    except BaseException:
        con.rollback()
        raise
    return rows


def app_histories(con: duckdb.DuckDBPyConnection, horizon_days: int) -> list[AppHistory]:
    """The cohorts of every app, as the last build has counted them."""
    # queries, not con.table(): where Spark has counted, these are views
    return tables.histories(
        con.query("from intermediate.int_cohort_sizes"),
        con.query("from intermediate.int_retention_counts"),
        con.query("from intermediate.int_bracket_counts"),
        con.query("from intermediate.int_app_watermarks"),
        horizon_days,
    )


def app_rank_days(con: duckdb.DuckDBPyConnection) -> dict[str, list[ChartDay]]:
    """The days of each tracked app on its charts, as the last build has them."""
    return tables.rank_days(con.query("from intermediate.int_tracked_ranks"))


def _lacks(con: duckdb.DuckDBPyConnection) -> dict[str, Lack]:
    """By app, the days up to its watermark that are missing."""
    rows = con.execute(
        """
        select app_id, count(*), min(missing_date), max(missing_date)
        from intermediate.int_missing_days
        inner join intermediate.int_app_watermarks using (app_id)
        where is_missing and missing_date <= watermark
        group by app_id
        """
    ).fetchall()
    return {app_id: Lack(days=days, first=first, last=last) for app_id, days, first, last in rows}


def _write(con: duckdb.DuckDBPyConnection, horizon_days: int, rules: VerdictRules) -> Iterable[int]:
    apps = app_histories(con, horizon_days)
    ranks = app_rank_days(con)
    yield _replace(con, "forecast_backtest", backtest(apps), tables.OUTCOME_TYPES)
    # as they were written: a replay, which reads them there, forecasts with the same digits
    known = tables.outcomes(con.table("outlook.forecast_backtest"))
    yield _replace(con, "forecasts", tables.forecasts(apps, known), tables.FORECAST_TYPES)
    yield _replace(con, "forecast_curves", tables.forecast_curves(apps, known), tables.CURVE_TYPES)
    lacks = _lacks(con)
    slow = {found.app_id: found for found in slow_sources(con)}
    verdicts = [
        with_notes(
            judge(
                app,
                app.watermark,
                rules,
                calibrate(known, app.watermark),
                ranks.get(app.app_id, ()),
            ),
            slow.get(app.app_id),
            lacks.get(app.app_id),
        )
        for app in apps
    ]
    yield _replace(con, "verdicts", map(tables.verdict_row, verdicts), tables.VERDICT_TYPES)
    decays = tables.rank_decays(con.query("from intermediate.int_decay_observations"))
    yield _replace(con, "rank_decays", decays, tables.DECAY_TYPES)


def _replace(
    con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Any], types: dict[str, str]
) -> int:
    written = tables.frame(rows, types)
    con.execute(f"delete from outlook.{table}")
    con.register("written", written)
    con.execute(f"insert into outlook.{table} by name from written")
    con.unregister("written")
    return len(written)
