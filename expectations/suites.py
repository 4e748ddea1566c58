"""Which suites judge at which gate."""

from __future__ import annotations

from expectations.activity import app_activity, growth_accounting, growth_shape
from expectations.behaviour import retention_by_behaviour
from expectations.checks import Suite
from expectations.installs import installs
from expectations.launches import launch_effects, launch_notes, launch_velocity
from expectations.outlook import forecast_backtest, forecast_curves, forecasts, verdict
from expectations.ranks import app_ranks, chart_movers, rank_company, rank_summary
from expectations.raw_charts import raw_charts
from expectations.raw_events import raw_events
from expectations.raw_reports import raw_reports
from expectations.retention import cohort_triangle, retention_curves
from expectations.reviews import review_samples, review_themes, reviews_weekly
from expectations.scorecard import (
    apps,
    freshness,
    late_arrivals,
    missing_days,
    privacy,
    scorecard,
)


def raw_suites() -> tuple[Suite, ...]:
    """The suites that decide whether a new extract may be seen downstream."""
    return (raw_events(), raw_charts(), raw_reports())


def mart_suites() -> tuple[Suite, ...]:
    """The suites that decide whether the marts are published."""
    return (
        apps(),
        cohort_triangle("day"),
        cohort_triangle("week"),
        cohort_triangle("month"),
        retention_curves(),
        retention_by_behaviour(),
        growth_accounting(),
        app_activity(),
        growth_shape(),
        launch_velocity(),
        launch_notes(),
        launch_effects(),
        app_ranks(),
        rank_summary(),
        rank_company(),
        chart_movers(),
        installs(),
        forecasts(),
        forecast_curves(),
        forecast_backtest(),
        reviews_weekly(),
        review_themes(),
        review_samples(),
        scorecard(),
        verdict(),
        freshness(),
        missing_days(),
        late_arrivals(),
        privacy(),
    )
