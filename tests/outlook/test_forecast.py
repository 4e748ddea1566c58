"""Forecasts on histories made by hand: what is known, what is expected, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.simulated_apps import draw_app
from flows.outlook.forecast import Calibration, Forecast, forecast, look, months, observe, of_month
from flows.outlook.wilson import wilson
from tests.outlook.conftest import MakeApp, Rate
from tests.presence import present

FIRST = date(2024, 1, 1)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def power(c: float, d: float) -> Rate:
    return lambda n: c * n**-d


def interval(told: Forecast) -> tuple[float, float, float]:
    """(low, rate, high) of a forecast that was not refused."""
    return present(told.ci_low), present(told.rate), present(told.ci_high)


def test_the_curve_is_that_of_complete_days_with_enough_users(an_app: MakeApp) -> None:
    app = an_app([60, 60, 60], power(0.5, 0.5), day(200))
    seen = observe(app, day(3))
    # on the third day all three cohorts have day 1, two of them day 2, one day 3: 60 users are few
    assert seen.days.tolist() == [1.0, 2.0]
    assert seen.eligible.tolist() == [180.0, 120.0]
    assert seen.retained.tolist() == [90.0, 42.0]


def test_a_complete_day_is_what_was_counted(an_app: MakeApp) -> None:
    app = an_app([1000, 500], power(0.5, 0.5), day(200))
    told = forecast(look(app, day(200)), 30)
    assert told.status == "observed"
    low, rate, high = interval(told)
    assert rate == (round(1000 * 0.5 * 30**-0.5) + round(500 * 0.5 * 30**-0.5)) / 1500
    assert (low, high) == wilson(rate * 1500, 1500)
    assert told.observed_users == told.users == 1500


def test_what_is_known_is_counted_and_the_rest_expected(an_app: MakeApp) -> None:
    app = an_app([1000] * 20, power(0.5, 0.5), day(200))
    told = forecast(look(app, day(39)), 30)
    assert (told.status, told.users, told.observed_users) == ("forecast", 20_000, 10_000)
    assert told.rate == pytest.approx(0.5 * 30**-0.5, rel=0.05)
    low, rate, high = interval(told)
    assert low < rate < high
    # no interval is wider than what it does not know yet
    assert low >= told.known_retained / told.users
    assert told.known_retained == round(1000 * 0.5 * 30**-0.5) * 10


def test_a_far_day_is_less_certain_than_a_near_one(an_app: MakeApp) -> None:
    outlook = look(an_app([1000] * 10, power(0.5, 0.5), day(200)), day(20))
    widths = []
    for n in (30, 60, 90):
        told = forecast(outlook, n)
        assert told.rate == pytest.approx(0.5 * n**-0.5, rel=0.2)
        low, _, high = interval(told)
        widths.append(np.log(high / low))
    assert widths == sorted(widths)


def test_a_month_that_keeps_less_is_expected_to_keep_less(an_app: MakeApp) -> None:
    good = an_app([500] * 60, power(0.5, 0.5), day(200))
    late = np.arange(60) >= 31
    worse = np.where(late[:, None], np.rint(good.retained * 0.5), good.retained)
    app = replace(good, retained=worse)
    outlook = look(app, day(59))
    assert months(app, day(59)) == ["2024-01", "2024-02"]
    first, second = (forecast(outlook, 30, group=of_month(app, m)) for m in months(app, day(59)))
    assert first.users == 500 * 31
    assert present(second.rate) / present(first.rate) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("users", "curve", "age", "day_n", "reason"),
    [
        ([1000] * 3, power(0.5, 0.5), 5, 30, "too young: 5 complete days"),
        ([60], power(0.5, 0.5), 40, 60, "too few users: 60"),
        ([500], lambda n: 0.0 * n, 20, 30, "too few came back: 0"),
        ([1000], power(0.5, 0.5), 7, 90, "too far: day 90 from 7"),
    ],
)
def test_a_forecast_is_refused_with_the_reason(
    an_app: MakeApp, users: Sequence[float], curve: Rate, age: int, day_n: int, reason: str
) -> None:
    told = forecast(look(an_app(users, curve, day(200)), day(age)), day_n)
    assert told.status == "refused"
    assert present(told.reason).startswith(reason)
    assert told.rate is told.ci_low is told.ci_high is None


def test_unbounded_is_known_only_with_the_whole_horizon(an_app: MakeApp) -> None:
    app = an_app([1000], power(0.5, 0.5), day(200))
    outlook = look(app, day(89))
    assert forecast(outlook, 30).status == "observed"
    assert forecast(outlook, 30, "unbounded").status == "forecast"
    known = forecast(look(app, day(90)), 30, "unbounded")
    assert (known.status, known.rate) == ("observed", round(1000 * 0.5 * 30**-0.5) / 1000)


def test_experience_moves_weights_and_widths(an_app: MakeApp) -> None:
    outlook = look(an_app([1000] * 5, power(0.5, 0.5), day(200)), day(20))
    plain = forecast(outlook, 60)
    wide = forecast(outlook, 60, calibration=Calibration(width=2.0))
    (low, _, high), (lower, _, higher) = interval(plain), interval(wide)
    assert lower < low < high < higher
    one = forecast(outlook, 60, calibration=Calibration(power_law_weight=1.0))
    assert one.rate == pytest.approx(present(plain.by_shape)["power_law"], rel=0.02)


@settings(max_examples=25, deadline=None)
@given(number=st.integers(0, 10_000), age=st.integers(0, 150))
@example(number=132, age=89)  # nobody came
def test_forecasts_are_rates_in_order(number: int, age: int) -> None:
    app = draw_app(number, seed=5, days=60).history
    as_of = app.first_date + timedelta(days=age)
    outlook = look(app, as_of)
    for definition in ("classic", "unbounded"):
        for n in (30, 60, 90):
            told = forecast(outlook, n, definition)
            if told.status == "refused":
                assert told.rate is None
                assert told.reason
                continue
            low, rate, high = interval(told)
            assert 0 <= low <= rate <= high <= 1
            youngest = app.cohort_dates[app.started(as_of)].max().item()
            last = n if definition == "classic" else app.horizon
            assert (told.status == "observed") == (youngest + timedelta(days=last) <= as_of)


@settings(max_examples=15, deadline=None)
@given(number=st.integers(0, 10_000), age=st.integers(8, 80))
def test_the_future_is_not_looked_at(number: int, age: int) -> None:
    app = draw_app(number, seed=6, days=60).history
    as_of = app.first_date + timedelta(days=age)
    unknown = ~app.complete(as_of)
    later = app.age(as_of)[:, None] < np.array([last for _, last in app.brackets])
    other = replace(
        app,
        retained=np.where(unknown, 12345.0, app.retained),
        last_active=np.where(
            unknown | (app.age(as_of) < app.horizon)[:, None], 99.0, app.last_active
        ),
        brackets={
            bracket: np.where(later[:, i], 777.0, counts)
            for i, (bracket, counts) in enumerate(app.brackets.items())
        },
        users=np.where(app.started(as_of), app.users, 4321.0),
    )
    for definition in ("classic", "unbounded"):
        assert forecast(look(app, as_of), 60, definition) == forecast(
            look(other, as_of), 60, definition
        )
