"""The shapes, fitted to curves that are exactly theirs, and to chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import beta

from flows.outlook.curves import Points, fit
from tests.outlook.conftest import Floats, Rate

DAYS = np.arange(1.0, 31.0)


def points(rate: Rate, users: float = 1_000_000.0, days: Floats = DAYS) -> Points:
    eligible = np.full(len(days), users)
    return Points(days=days, eligible=eligible, retained=eligible * rate(days))


def test_a_power_law_is_found_again() -> None:
    found = fit("power_law", points(lambda n: 0.4 * n**-0.5))
    assert found.parameters == pytest.approx([np.log(0.4), 0.5], abs=1e-3)
    assert np.exp(found.log_rate(np.array([90.0])))[0] == pytest.approx(0.4 * 90**-0.5, rel=1e-2)


def test_a_beta_geometric_is_found_again() -> None:
    def rate(n: Any) -> Any:
        return 0.5 * beta(1.2, 3.0 + n) / beta(1.2, 3.0)

    found = fit("sbg", points(rate))
    assert np.exp(found.log_rate(DAYS)) == pytest.approx(rate(DAYS), rel=2e-2)
    ninety = np.array([90.0])
    assert np.exp(found.log_rate(ninety))[0] == pytest.approx(rate(90.0), rel=0.15)


@pytest.mark.parametrize("shape", ["power_law", "sbg"])
def test_fewer_users_are_less_certain(shape: str) -> None:
    many, few = (
        fit(shape, points(lambda n: 0.4 * n**-0.5, users)).log_error(np.array([60.0]))[0]
        for users in (1_000_000.0, 200.0)
    )
    assert 0 < many < few


@pytest.mark.parametrize("shape", ["power_law", "sbg"])
def test_a_curve_on_which_nobody_came_back_is_no_crash(shape: str) -> None:
    found = fit(shape, points(lambda n: 0.0 * n, users=500.0))
    assert np.exp(found.log_rate(np.array([30.0])))[0] < 0.01


def test_rates_of_nobody_are_half_a_user_among_one_more() -> None:
    none = Points(days=np.array([1.0]), eligible=np.array([9.0]), retained=np.array([0.0]))
    assert np.exp(none.log_rates)[0] == pytest.approx(0.05)
