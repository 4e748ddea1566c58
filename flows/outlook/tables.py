"""Between the warehouse's tables and the outlook: counts in as arrays, answers out as frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from flows.outlook.backtest import DEFINITIONS, Outcome, calibrate
from flows.outlook.curves import Floats
from flows.outlook.forecast import T_95, TARGETS, Forecast, curve, forecast, look, months, of_month
from flows.outlook.history import AppHistory, Dates, Mask
from flows.outlook.rank_decay import RankDay, rank_decay
from flows.outlook.verdict import ChartDay, Verdict

Relation = duckdb.DuckDBPyRelation

Columns = Mapping[str, Any]
"""A query's columns as numpy arrays, by name."""

OUTCOME_TYPES = {
    "app_id": "string",
    "as_of": "datetime64[us]",
    "known_on": "datetime64[us]",
    "definition": "string",
    "day_n": "Int64",
    "method": "string",
    "users": "Int64",
    "observed_days": "Int64",
    "forecast_rate": "float64",
    "actual_rate": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "log_miss": "float64",
    "log_error": "float64",
}

FORECAST_TYPES = {
    "app_id": "string",
    "cohort_group": "string",
    "definition": "string",
    "day_n": "Int64",
    "as_of": "datetime64[us]",
    "users": "Int64",
    "observed_users": "Int64",
    "observed_days": "Int64",
    "status": "string",
    "reason": "string",
    "forecast_rate": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "power_law_rate": "float64",
    "sbg_rate": "float64",
    "power_law_weight": "float64",
    "completes_on": "datetime64[us]",
}

CURVE_TYPES = {
    "app_id": "string",
    "day_n": "Int64",
    "forecast_rate": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
}

CHART_APP = ("store", "storefront", "chart", "genre", "store_app_id")
"""The columns that name an app in a chart."""

DECAY_TYPES = {
    **dict.fromkeys(CHART_APP, "string"),
    "decay_per_day": "float64",
    "decay_ci_low": "float64",
    "decay_ci_high": "float64",
    "decay_days": "Int64",
}

VERDICT_TYPES = {
    "app_id": "string",
    "as_of": "datetime64[us]",
    "verdict": "string",
    "verdict_confidence": "float64",
    "verdict_reason_1": "string",
    "verdict_reason_2": "string",
    "verdict_reason_3": "string",
    "verdict_would_change": "string",
    "verdict_next_on": "datetime64[us]",
    "verdict_next": "string",
}


def histories(
    sizes: Relation, counts: Relation, brackets: Relation, watermarks: Relation, horizon: int
) -> list[AppHistory]:
    """Every app that has a cohort by its watermark, in the order of app_id.

    The relations are those of int_cohort_sizes, int_retention_counts, int_bracket_counts and
    int_app_watermarks; the sums over segments are made in the database.
    """
    known: dict[str, date] = dict(
        watermarks.filter("watermark is not null").project("app_id, watermark").fetchall()
    )
    cohorts: Columns = (
        sizes.aggregate("app_id, cohort_date, sum(users)::double as users", "app_id, cohort_date")
        .filter("users > 0")
        .order("app_id, cohort_date")
        .fetchnumpy()
    )
    cells: Columns = (
        counts.filter(f"period = 'day' and period_n <= {horizon:d}")
        .aggregate(
            "app_id, cohort_date, period_n, sum(active_users)::double as active, "
            "sum(last_active_users_to_horizon)::double as last_active",
            "app_id, cohort_date, period_n",
        )
        .fetchnumpy()
    )
    ranges: Columns = (
        brackets.filter("period = 'day'")
        .aggregate(
            "app_id, cohort_date, first_n, last_n, sum(users)::double as users",
            "app_id, cohort_date, first_n, last_n",
        )
        .fetchnumpy()
    )
    result = []
    for app_id in sorted(known):
        mine = _of(cohorts, app_id)
        dates = cohorts["cohort_date"][mine].astype("datetime64[D]")
        started = dates <= np.datetime64(known[app_id])
        if not started.any():
            continue
        dates = dates[started]
        of_app, of_ranges = _of(cells, app_id), _of(ranges, app_id)
        grids = [
            _grid(
                dates,
                cells["cohort_date"][of_app],
                cells["period_n"][of_app],
                cells[name][of_app],
                horizon,
            )
            for name in ("active", "last_active")
        ]
        result.append(
            AppHistory(
                app_id=app_id,
                watermark=known[app_id],
                cohort_dates=dates,
                users=cohorts["users"][mine][started],
                retained=grids[0],
                last_active=grids[1],
                brackets=_bracket_counts(dates, {k: v[of_ranges] for k, v in ranges.items()}),
            )
        )
    return result


def _of(table: Columns, app_id: str) -> Mask:
    return np.asarray(table["app_id"] == app_id)


def _grid(cohorts: Dates, dates: Dates, day_n: Floats, values: Floats, horizon: int) -> Floats:
    """Values laid out by cohort and day n; 0 where nobody was counted."""
    grid = np.zeros((len(cohorts), horizon + 1))
    at, known = _positions(cohorts, dates)
    grid[at[known], day_n[known].astype(int)] = values[known]
    return grid


def _positions(cohorts: Dates, dates: Dates) -> tuple[Any, Mask]:
    dates = dates.astype("datetime64[D]")
    at = np.minimum(np.searchsorted(cohorts, dates), len(cohorts) - 1)
    return at, np.asarray(cohorts[at] == dates)


def _bracket_counts(cohorts: Dates, rows: Columns) -> dict[tuple[int, int], Floats]:
    at, known = _positions(cohorts, rows["cohort_date"])
    result: dict[tuple[int, int], Floats] = {}
    for bracket in sorted(set(zip(rows["first_n"].tolist(), rows["last_n"].tolist(), strict=True))):
        chosen = known & (rows["first_n"] == bracket[0]) & (rows["last_n"] == bracket[1])
        counts = np.zeros(len(cohorts))
        counts[at[chosen]] = rows["users"][chosen]
        result[bracket] = counts
    return result


def rank_days(ranks: Relation) -> dict[str, list[ChartDay]]:
    """Per tracked app its days on charts that were fetched: of several store ids the best one.

    The relation is that of int_tracked_ranks.
    """
    rows = (
        ranks.aggregate(
            "app_id, concat_ws(' ', store, storefront, chart, nullif(genre, 'all')) as chart, "
            "rank_date, min(best_rank) as best_rank, min(rank) as rank, max(depth) as depth",
            "app_id, store, storefront, chart, genre, rank_date",
        )
        .order("app_id, chart, rank_date")
        .fetchall()
    )
    result: dict[str, list[ChartDay]] = {}
    for app_id, chart, day, best_rank, rank, depth in rows:
        result.setdefault(app_id, []).append(
            ChartDay(chart=chart, day=day, best_rank=best_rank, rank=rank, depth=depth)
        )
    return result


def outcomes(backtested: Relation) -> list[Outcome]:
    """The rows of outlook.forecast_backtest as they were written."""
    columns = ", ".join(
        f"{name}::date as {name}" if kind.startswith("datetime") else name
        for name, kind in OUTCOME_TYPES.items()
    )
    rows = backtested.project(columns).fetchall()
    return [Outcome(**dict(zip(OUTCOME_TYPES, row, strict=True))) for row in rows]


def forecasts(apps: Iterable[AppHistory], known: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The forecasts of each app as of its watermark: of all its users and of each cohort month."""
    rows = []
    for history in apps:
        as_of = history.watermark
        outlook, calibration = look(history, as_of), calibrate(known, as_of)
        groups = {"all": history.started(as_of)}
        groups |= {month: of_month(history, month) for month in months(history, as_of)}
        for name, group in groups.items():
            for definition in DEFINITIONS:
                for day_n in TARGETS:
                    if day_n > history.horizon:
                        continue
                    told = forecast(outlook, day_n, definition, calibration, group)
                    last = day_n if definition == "classic" else history.horizon
                    rows.append(
                        _forecast_row(told)
                        | {
                            "app_id": history.app_id,
                            "cohort_group": name,
                            "as_of": as_of,
                            "power_law_weight": calibration.power_law_weight
                            if told.status == "forecast"
                            else None,
                            "completes_on": (
                                history.cohort_dates[history.started(as_of) & group].max() + last
                            ).item(),
                        }
                    )
    return rows


def _forecast_row(told: Forecast) -> dict[str, Any]:
    by_shape = told.by_shape or {}
    return {
        "definition": told.definition,
        "day_n": told.day_n,
        "users": told.users,
        "observed_users": told.observed_users,
        "observed_days": told.observed_days,
        "status": told.status,
        "reason": told.reason,
        "forecast_rate": told.rate,
        "ci_low": told.ci_low,
        "ci_high": told.ci_high,
        "power_law_rate": by_shape.get("power_law"),
        "sbg_rate": by_shape.get("sbg"),
    }


def forecast_curves(apps: Iterable[AppHistory], known: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The expected classic curve of each app from day 1 to the horizon, where it can be told."""
    rows = []
    for history in apps:
        outlook = look(history, history.watermark)
        if not outlook.fits:
            continue
        calibration = calibrate(known, history.watermark)
        log_rates, errors = curve(outlook, calibration, history.horizon)
        reach = T_95 * errors * calibration.width
        rows += [
            {
                "app_id": history.app_id,
                "day_n": number,
                "forecast_rate": min(1.0, float(np.exp(log_rate))),
                "ci_low": min(1.0, float(np.exp(log_rate - error))),
                "ci_high": min(1.0, float(np.exp(log_rate + error))),
            }
            for number, (log_rate, error) in enumerate(zip(log_rates, reach, strict=True), 1)
        ]
    return rows


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a row of outlook.verdicts."""
    reasons = (*verdict.reasons, None, None, None)
    return {
        "app_id": verdict.app_id,
        "as_of": verdict.as_of,
        "verdict": verdict.word,
        "verdict_confidence": verdict.confidence,
        "verdict_reason_1": reasons[0],
        "verdict_reason_2": reasons[1],
        "verdict_reason_3": reasons[2],
        "verdict_would_change": verdict.would_change,
        "verdict_next_on": verdict.next_on,
        "verdict_next": verdict.next_step,
    }


def rank_decays(observations: Relation) -> Iterator[dict[str, Any]]:
    """How fast each tracked app's rank decays in each chart that it was observed on often enough.

    The relation is that of int_decay_observations; slopes are rounded to 6 decimals.
    """
    observed = observations.project(
        f"{', '.join(CHART_APP)}, days_after_peak, rank, worse_than"
    ).order(f"{', '.join(CHART_APP)}, days_after_peak")
    for chart_app, days in groupby(observed.fetchall(), key=lambda row: row[: len(CHART_APP)]):
        decay = rank_decay(
            [RankDay(days_after_peak=n, rank=rank, worse_than=depth) for *_, n, rank, depth in days]
        )
        if decay:
            yield {
                **dict(zip(CHART_APP, chart_app, strict=True)),
                "decay_per_day": round(decay.per_day, 6),
                "decay_ci_low": round(decay.ci_low, 6),
                "decay_ci_high": round(decay.ci_high, 6),
                "decay_days": decay.days,
            }


def frame(rows: Iterable[Any], types: dict[str, str]) -> pd.DataFrame:
    """Rows, mappings or dataclasses, as a frame of these types, also where there is none.

    Fractions are rounded to 9 decimals, so that rebuilds agree to the last digit.
    """
    told = [row if isinstance(row, dict) else asdict(row) for row in rows]
    table = pd.DataFrame(
        {name: pd.Series([row[name] for row in told], dtype=kind) for name, kind in types.items()}
    )
    return table.round(dict.fromkeys((n for n, t in types.items() if t == "float64"), 9))
