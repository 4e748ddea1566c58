"""The grain of each mart, by which its rows are told apart and compared."""

from __future__ import annotations

_COHORT = ("app_id", "cohort_date", "platform", "country", "channel", "app_version")
_CHART = ("store", "storefront", "chart", "genre", "store_app_id")

GRAIN: dict[str, tuple[str, ...]] = {
    "dim_apps": ("app_id",),
    "app_scorecard": ("app_id",),
    "fct_cohort_retention_daily": (*_COHORT, "day_n"),
    "fct_cohort_retention_weekly": (*_COHORT, "week_n"),
    "fct_cohort_retention_monthly": (*_COHORT, "month_n"),
    "fct_retention_curves": ("app_id", "definition", "period", "period_n"),
    "fct_retention_by_behaviour": (
        "app_id",
        "observed_in",
        "behaviour",
        "value",
        "did",
        "outcome_day_n",
    ),
    "fct_growth_accounting": ("app_id", "period", "period_start"),
    "fct_app_activity_daily": ("app_id", "activity_date"),
    "fct_app_ranks_daily": (*_CHART, "rank_date"),
    "fct_rank_summary": _CHART,
    "fct_rank_company": (*_CHART, "other_store_app_id"),
    "fct_chart_movers": (*_CHART, "rank_date"),
    "launch_notes": ("app_id", "note_date", "kind", "title"),
    "fct_launch_effects": ("app_id", "note_date", "kind", "title", "day_n"),
    "fct_growth_shape": ("app_id", "activity_date"),
    "fct_launch_velocity": ("app_id", "measure", "milestone"),
    "fct_installs_daily": ("app_id", "store", "install_date"),
    "fct_forecasts": ("app_id", "cohort_group", "definition", "day_n"),
    "fct_forecast_curves": ("app_id", "day_n"),
    "fct_forecast_backtest": ("app_id", "as_of", "definition", "day_n", "method"),
    "fct_reviews_weekly": ("app_id", "store", "week_start"),
    "fct_review_themes": ("app_id", "theme", "period"),
    "review_samples": ("app_id", "theme", "sample_n"),
    "data_freshness": ("source",),
    "fct_missing_days": ("source", "missing_date"),
    "late_arrivals": ("source", "within_days"),
}
"""Mart to the columns that identify a row of it."""

SETTLED: dict[str, tuple[str, ...]] = {
    "app_scorecard": ("d1_rate", "d7_rate", "d30_rate", "d60_rate"),
    "fct_cohort_retention_daily": ("eligible_users", "retained_users", "retained_users_24h"),
    "fct_cohort_retention_weekly": ("eligible_users", "retained_users", "retained_users_24h"),
    "fct_cohort_retention_monthly": ("eligible_users", "retained_users", "retained_users_24h"),
    "fct_growth_accounting": ("active", "new", "retained", "resurrected", "churned"),
    "fct_app_activity_daily": ("dau", "wau", "mau", "new_users", "events"),
    "fct_app_ranks_daily": ("rank", "best_rank"),
    "fct_installs_daily": ("downloads", "cumulative_downloads"),
}
"""Mart to the numbers that, once published, should stay: where they move, that is a restatement.

Not among them: what grows with follow-up (returned_users and the unbounded curves) and curves
pooled over more cohorts every day. The scorecard's rates are, because everybody quotes them.
"""
