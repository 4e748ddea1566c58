"""The shapes, fitted to curves that are exactly theirs, and to chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import beta, digamma

from flows.outlook.curves import Fit, Points, fit
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


def scattered(users: float, scatter: float, count: int = 30) -> Points:
    """A power law whose rates lie off it, up and down, by a relative error."""
    return points(lambda n: 0.3 * n**-0.7 * np.exp(scatter * np.cos(2.0 * n)), users, DAYS[:count])


@pytest.mark.parametrize(
    ("users", "scatter", "count"),
    [(500.0, 0.0, 30), (500.0, 0.4, 30), (1_000_000.0, 0.6, 30), (1_000_000.0, 0.6, 3)],
)
def test_a_power_law_is_the_line_of_weighted_least_squares(
    users: float, scatter: float, count: int
) -> None:
    """The normal equations, with the variances of chance and of a misfit of 8 %."""
    curve = scattered(users, scatter, count)
    rate = (curve.retained + 0.5) / (curve.eligible + 1)
    weight = 1 / ((1 - rate) / (curve.eligible * rate) + 0.08**2)
    line = np.stack([np.ones(count), -np.log(curve.days)], axis=1)
    inverse = np.linalg.inv(line.T @ (weight[:, None] * line))
    solved = inverse @ line.T @ (weight * np.log(rate))
    squares = weight @ (np.log(rate) - line @ solved) ** 2
    covariance = inverse * max(1.0, squares / (count - 2))

    found = fit("power_law", curve)
    assert found.parameters == pytest.approx(solved, rel=1e-4)
    assert found.covariance == pytest.approx(covariance, rel=1e-3)
    later = np.array([60.0, 365.0])
    there = np.stack([np.ones(2), -np.log(later)], axis=1)
    variance = np.einsum("ni,ij,nj->n", there, covariance, there)
    assert found.log_error(later) == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_two_points_leave_nothing_to_scale_by() -> None:
    found = fit("power_law", scattered(1_000.0, 0.6, 2))
    assert np.isfinite(found.covariance).all()


def test_the_error_of_a_beta_geometric_is_that_of_its_parameters() -> None:
    """The delta method with the derivatives of the log beta function."""
    a, b, q = 0.7, 2.5, 0.4
    covariance = np.array([[0.04, 0.01, 0.003], [0.01, 0.09, -0.01], [0.003, -0.01, 0.01]])
    known = Fit(shape="sbg", parameters=np.log([a, b, q]), covariance=covariance)
    n = np.array([1.0, 30.0, 200.0])
    gradient = np.stack(
        [
            a * (digamma(a + b) - digamma(a + b + n)),
            b * (digamma(b + n) - digamma(a + b + n) - digamma(b) + digamma(a + b)),
            np.ones(3),
        ]
    )
    variance = np.einsum("in,ij,jn->n", gradient, covariance, gradient)
    assert known.log_error(n) == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_users_who_leave_at_once_stay_uncertain_and_are_no_crash() -> None:
    found = fit("sbg", points(lambda n: np.where(n < 2, 0.9, 0.0), users=40.0, days=DAYS[:4]))
    assert np.isfinite(found.covariance).all()
