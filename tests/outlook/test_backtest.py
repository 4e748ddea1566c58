"""The back-test: outcomes that are known, naive forecasts, and what is learnt from them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from flows.outlook.backtest import Method, Outcome, backtest, calibrate
from tests.outlook.conftest import MakeApp

FIRST = date(2024, 1, 1)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


@pytest.fixture
def outcomes(an_app: MakeApp) -> list[Outcome]:
    apps = [
        an_app([1000] * 100, lambda n: 0.5 * n**-0.5, day(120), app_id="a"),
        an_app([1000] * 100, lambda n: 0.2 * n**-0.5, day(120), app_id="b"),
    ]
    return backtest(apps)


def test_only_outcomes_that_are_known_are_told(outcomes: list[Outcome]) -> None:
    assert outcomes
    for outcome in outcomes:
        wait = 90 if outcome.definition == "unbounded" else outcome.day_n
        assert outcome.known_on == outcome.as_of + timedelta(days=wait) <= day(120)
    # 7 days are too few for day 90, 28 days too late for its outcome to be known by day 120
    classic = {(o.as_of, o.day_n) for o in outcomes if o.definition == "classic"}
    assert (day(14), 90) in classic
    assert (day(7), 90) not in classic
    assert (day(42), 90) not in classic


def test_each_method_is_held_against_the_same_outcome(outcomes: list[Outcome]) -> None:
    of_one = [
        o
        for o in outcomes
        if (o.app_id, o.as_of, o.definition, o.day_n) == ("a", day(14), "classic", 30)
    ]
    assert {o.method for o in of_one} == {"blend", "power_law", "sbg", "last_value", "other_apps"}
    assert {o.actual_rate for o in of_one} == {91 / 1000}
    rates = {o.method: o.forecast_rate for o in of_one}
    assert rates["last_value"] == pytest.approx(0.5 * 14**-0.5, abs=1e-3)
    assert rates["other_apps"] == pytest.approx(0.2 * 30**-0.5, abs=1e-3)
    assert rates["blend"] == pytest.approx(91 / 1000, rel=0.15)
    assert [o.method for o in of_one if o.ci_low is not None] == ["blend"]


def test_an_app_alone_has_no_others(an_app: MakeApp) -> None:
    alone = backtest([an_app([1000] * 50, lambda n: 0.5 * n**-0.5, day(120))])
    assert "other_apps" not in {o.method for o in alone}
    assert "last_value" in {o.method for o in alone}


def outcome(method: Method, forecast_rate: float, **more: Any) -> Outcome:
    return Outcome(
        app_id="a",
        as_of=day(20),
        known_on=day(50),
        definition=more.pop("definition", "classic"),
        day_n=30,
        method=method,
        users=1000,
        observed_days=20,
        forecast_rate=forecast_rate,
        actual_rate=0.1,
        **more,
    )


def test_nothing_known_teaches_nothing() -> None:
    assert calibrate([], day(50)).power_law_weight == 0.5
    later = [outcome("power_law", 0.1), outcome("sbg", 0.9)]
    assert calibrate(later, day(49)).power_law_weight == 0.5
    assert calibrate(later, day(50)).power_law_weight > 0.5


def test_the_shape_that_erred_less_weighs_more() -> None:
    errs = [outcome("power_law", 0.1), outcome("sbg", 0.3)] * 20
    assert calibrate(errs, day(50)).power_law_weight > 0.7
    unbounded = [outcome("sbg", 0.9, definition="unbounded")] * 20
    assert calibrate(unbounded, day(50)).power_law_weight == 0.5


def test_widths_follow_what_would_have_held() -> None:
    missed = [outcome("blend", 0.1, log_miss=5.0, log_error=1.0, ci_low=0.0, ci_high=1.0)] * 60
    held = [outcome("blend", 0.1, log_miss=0.1, log_error=1.0, ci_low=0.0, ci_high=1.0)] * 60
    assert calibrate(missed, day(50)).width > 1.3
    assert calibrate(held, day(50)).width == 0.8
    assert calibrate(missed[:1], day(50)).width < 1.1
