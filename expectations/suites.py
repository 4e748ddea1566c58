"""Which suites judge at which gate."""

from __future__ import annotations

from expectations.activity import app_activity, growth_accounting
from expectations.checks import Suite
from expectations.installs import installs
from expectations.ranks import app_ranks, rank_summary
from expectations.raw_charts import raw_charts
from expectations.raw_events import raw_events
from expectations.raw_reports import raw_reports
from expectations.retention import cohort_triangle, retention_curves
from expectations.reviews import review_samples, review_themes, reviews_weekly
from expectations.scorecard import apps, freshness, late_arrivals, privacy, scorecard


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
        growth_accounting(),
        app_activity(),
        app_ranks(),
        rank_summary(),
        installs(),
        reviews_weekly(),
        review_themes(),
        review_samples(),
        scorecard(),
        freshness(),
        late_arrivals(),
        privacy(),
    )
