"""What must hold of forecasts, their back-test and the verdict before they are published."""

from __future__ import annotations

from expectations.checks import Check, Suite, critical, grain, warning

COVERAGE_EXPECTED = 0.7
"""A 95 % interval that holds fewer outcomes than this is no interval."""

OUTCOMES_NEEDED = 30
"""Fewer outcomes do not tell whether intervals hold."""

_RATES = (
    "forecast_rate not between 0 and 1 or ci_low > forecast_rate + 1e-9"
    " or ci_high < forecast_rate - 1e-9 or ci_low < 0 or ci_high > 1"
)


def forecasts() -> Suite:
    """One row of the batch is one app, cohort group, definition and day n."""
    return Suite(
        name="fct_forecasts",
        stage="mart",
        subject="fct_forecasts",
        batch="select * from marts.fct_forecasts",
        checks=(
            grain("app_id, cohort_group, definition, day_n"),
            _rates_in_their_interval(),
            critical(
                "a refused forecast has a reason and no rate, any other a rate",
                "A forecast that cannot be made is not made.",
                """
                select app_id, cohort_group, definition, day_n, status, reason, forecast_rate
                from {batch}
                where (status = 'refused') <> (reason is not null)
                    or (status = 'refused') <> (forecast_rate is null)
                    or (forecast_rate is null) <> (ci_low is null or ci_high is null)
                """,
            ),
            critical(
                "a rate is called observed only when every user is old enough",
                "An app younger than day n has no day n; what is shown for it is a forecast.",
                """
                select app_id, cohort_group, definition, day_n, status, as_of, completes_on
                from {batch}
                where (status = 'observed') <> (completes_on <= as_of and users > 0)
                    or (status = 'observed' and observed_users < users)
                    or observed_users > users
                """,
            ),
            critical(
                "unbounded retention is at least the classic",
                "Who is active on day n is active on day n or later.",
                """ with rates as (select * from {batch} where status = 'observed') select
                classic.app_id, classic.cohort_group, day_n, classic.forecast_rate as classic,
                unbounded.forecast_rate as unbounded from rates as classic inner join rates as
                unbounded using (app_id, cohort_group, day_n) where classic.definition = 'classic'
                and unbounded.definition = 'unbounded' and unbounded.forecast_rate <
                classic.forecast_rate - 1e-9
                """,
            ),
        ),
    )


def forecast_curves() -> Suite:
    """One row of the batch is one app and day n."""
    return Suite(
        name="fct_forecast_curves",
        stage="mart",
        subject="fct_forecast_curves",
        batch="select * from marts.fct_forecast_curves",
        checks=(
            grain("app_id, day_n"),
            _rates_in_their_interval(),
            critical(
                "what is shown as observed is the classic curve",
                "The forecast and the curve must tell the same story.",
                """
                select shown.app_id, shown.day_n, shown.observed_rate, curves.retention_rate
                from {batch} as shown
                left join (
                    from marts.fct_retention_curves where definition = 'classic' and period = 'day'
                ) as curves on shown.app_id = curves.app_id and shown.day_n = curves.period_n
                where shown.observed_rate is distinct from curves.retention_rate
                """,
            ),
        ),
    )


def forecast_backtest() -> Suite:
    """One row of the batch is one forecast by one method, and its outcome."""
    return Suite(
        name="fct_forecast_backtest",
        stage="mart",
        subject="fct_forecast_backtest",
        batch="select * from marts.fct_forecast_backtest",
        checks=(
            grain("app_id, as_of, definition, day_n, method"),
            _rates_in_their_interval(),
            critical(
                "no outcome is told before it is known",
                "A back-test that knows what is not complete flatters itself.",
                """
                select backtest.app_id, as_of, known_on, day_n, watermark
                from {batch} as backtest
                inner join marts.dim_apps as apps on backtest.app_id = apps.app_id
                where known_on > watermark or known_on < as_of + day_n
                """,
            ),
            warning(
                f"intervals hold at least {COVERAGE_EXPECTED:.0%} of the outcomes",
                "The forecasts are less certain than they say.",
                f"""
                select definition, avg(is_covered::int) as covered, count(*) as outcomes
                from {{batch}} where method = 'blend' group by definition
                having count(*) >= {OUTCOMES_NEEDED} and covered < {COVERAGE_EXPECTED}
                """,
            ),
        ),
    )


def verdict() -> Suite:
    """One row of the batch is one tracked app."""
    return Suite(
        name="app_scorecard_verdict",
        stage="mart",
        subject="app_scorecard",
        batch="select * from marts.app_scorecard",
        checks=(
            critical(
                "a verdict is sticks, spike, leaky or too_early, with reasons",
                "A word without reasons convinces nobody.",
                """
                select app_id, verdict, verdict_reason_1, verdict_reason_2 from {batch}
                where verdict is null or verdict not in ('sticks', 'spike', 'leaky', 'too_early')
                    or verdict_reason_1 is null
                    or (verdict <> 'too_early' and verdict_reason_2 is null)
                """,
            ),
            critical(
                "confidence is a probability, and there is none while it is too early",
                "Nobody is confident of not knowing.",
                """
                select app_id, verdict, verdict_confidence from {batch}
                where verdict_confidence not between 0 and 1
                    or (verdict = 'too_early') <> (verdict_confidence is null)
                """,
            ),
            critical(
                "no app is judged on less than a week",
                "In the first days every launch looks alike.",
                """
                select app_id, verdict, first_cohort_date, watermark from {batch}
                where verdict <> 'too_early'
                    and coalesce(first_cohort_date + 7 > watermark, true)
                """,
            ),
        ),
    )


def _rates_in_their_interval() -> Check:
    return critical(
        "rates lie within 0 and 1 and inside their interval",
        "Nothing else is a share of users.",
        f"select * from {{batch}} where {_RATES}",
    )
