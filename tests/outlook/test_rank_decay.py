"""The censored fit against least squares, a brute-force likelihood, and simulated falls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import linregress, norm, t

from flows.outlook.rank_decay import RankDay, rank_decay


def ranked(*ranks: int | None, depth: int = 100) -> list[RankDay]:
    """One observed day after another; None is off the chart."""
    return [
        RankDay(days_after_peak=n, rank=rank, worse_than=None if rank else depth)
        for n, rank in enumerate(ranks, start=1)
    ]


def fall(seed: int, slope: float, days: int, depth: int, scatter: float = 0.2) -> list[RankDay]:
    """A fall from rank 10 with normal errors of ln(rank), seen down to the depth."""
    errors = np.random.default_rng(seed).normal(scale=scatter, size=days)
    ranks = np.exp(np.log(10) + slope * np.arange(1, days + 1) + errors)
    return [
        RankDay(
            days_after_peak=n,
            rank=round(rank) if rank <= depth else None,
            worse_than=None if rank <= depth else depth,
        )
        for n, rank in enumerate(ranks, start=1)
    ]


def test_without_censored_days_it_is_least_squares() -> None:
    ranks = (3, 3, 5, 4, 8, 9, 15, 12, 20)
    found = rank_decay(ranked(*ranks))
    line = linregress(np.arange(1, 10), np.log(ranks))
    reach = t.ppf(0.975, len(ranks) - 2) * line.stderr
    assert found is not None
    assert found.days == 9
    assert (found.per_day, found.ci_low, found.ci_high) == pytest.approx(
        (line.slope, line.slope - reach, line.slope + reach), abs=1e-6
    )


def test_censored_days_count_with_their_probability() -> None:
    days = ranked(10, 14, 30, 50, None, 80, None, None, None)
    y = np.log([day.rank or 100 for day in days])
    x = np.arange(1, 10)
    off = np.array([day.rank is None for day in days])

    def loss(p: np.ndarray) -> float:
        mean, scatter = p[0] + p[1] * x, np.exp(p[2])
        likelihood = np.where(off, norm.logsf(y, mean, scatter), norm.logpdf(y, mean, scatter))
        return -float(likelihood.sum())

    exactly = {"xatol": 1e-10, "fatol": 1e-13}
    best = minimize(loss, [2, 0.3, -1], method="Nelder-Mead", options=exactly)
    # the curvature along the slope where the other two follow: what is left of it gives the error
    step = 1e-3
    profile = [
        minimize(
            lambda p, b=best.x[1] + shift: loss(np.array([p[0], b, p[1]])),
            best.x[[0, 2]],
            method="Nelder-Mead",
            options=exactly,
        ).fun
        for shift in (-step, 0, step)
    ]
    error = ((profile[0] - 2 * profile[1] + profile[2]) / step**2) ** -0.5
    reach = t.ppf(0.975, 5 - 2) * error * (5 / 3) ** 0.5
    found = rank_decay(days)
    assert found is not None
    assert found.per_day == pytest.approx(best.x[1], abs=1e-5)
    assert found.ci_high - found.per_day == pytest.approx(reach, rel=1e-2)
    assert found.per_day - found.ci_low == pytest.approx(found.ci_high - found.per_day)


def test_a_fall_out_of_the_chart_is_steeper_than_its_ranked_days_tell() -> None:
    truth = 0.1
    censored, left_out = [], []
    for seed in range(200):
        days = fall(seed, truth, days=40, depth=50)
        seen = [day for day in days if day.rank is not None]
        fitted, naive = rank_decay(days), rank_decay(seen)
        assert fitted
        assert naive
        censored.append(fitted.per_day)
        left_out.append(naive.per_day)
    assert np.mean(censored) == pytest.approx(truth, abs=0.002)
    assert np.mean(left_out) < 0.096


@pytest.mark.parametrize("depth", [25, 100, 10_000])
def test_the_interval_holds_the_truth_as_often_as_it_says(depth: int) -> None:
    found = [rank_decay(fall(seed, 0.08, days=30, depth=depth)) for seed in range(400)]
    held = np.mean([f is not None and f.ci_low <= 0.08 <= f.ci_high for f in found])
    assert 0.91 <= held <= 0.98


def test_the_order_of_the_days_does_not_matter() -> None:
    days = ranked(4, 6, 9, None, 30, None)
    assert rank_decay(days[::-1]) == rank_decay(days)


def test_gaps_count_as_the_days_they_are() -> None:
    daily = rank_decay(ranked(10, 11, 12, 13, 14))
    sparse = rank_decay(
        [
            RankDay(days_after_peak=3 * n, rank=rank, worse_than=None)
            for n, rank in enumerate((10, 11, 12, 13, 14), start=1)
        ]
    )
    assert daily
    assert sparse
    assert sparse.per_day == pytest.approx(daily.per_day / 3, abs=1e-6)


def test_an_app_that_stays_where_it_is_does_not_decay() -> None:
    found = rank_decay(ranked(*[1] * 30))
    assert found is not None
    assert found.per_day == pytest.approx(0, abs=1e-9)
    assert -0.01 < found.ci_low < 0 < found.ci_high < 0.01


def test_a_perfect_line_has_an_error_all_the_same() -> None:
    found = rank_decay(ranked(2, 4, 8, 16, 32, 64, None, None))
    assert found is not None
    assert found.per_day == pytest.approx(np.log(2), abs=0.001)
    assert found.ci_low < np.log(2) < found.ci_high


@pytest.mark.parametrize(
    "days",
    [
        ranked(),
        ranked(1, 2, 3, 4),
        ranked(1, 2, None, None, None, None),
        ranked(*[None] * 30),
    ],
)
def test_too_few_days_give_no_slope(days: list[RankDay]) -> None:
    assert rank_decay(days) is None


def test_three_ranked_days_of_five_are_enough_and_doubtful() -> None:
    found = rank_decay(ranked(10, 20, 35, None, None))
    assert found is not None
    assert found.days == 5
    assert found.ci_high - found.ci_low > 0.2
