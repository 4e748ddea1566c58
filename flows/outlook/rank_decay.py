"""How fast a chart rank decays after its peak, with days off the chart taken for what they are.

The logarithm of the rank is taken to follow a line over the days since the peak, with normal
errors. On a day off the chart the rank is only known to be worse than the chart's depth: such a day
is right-censored, and counts with the probability of that (Tobin 1958). Leaving it out, or putting
the depth in its place, would make every fall look gentler than it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, stdtrit

Floats = NDArray[np.float64]

LEAST_OBSERVATIONS = 5
"""With fewer, a slope is not told."""

LEAST_RANKED = 3
"""Of them ranked: two points lie on a line whatever they are, and leave no error to judge it by."""

LEAST_SCATTER = 0.05
"""The least scatter of ln(rank): ranks are whole numbers, at rank 10 half a place is 5 %."""

NEWTON_STEPS = 20
"""From where least squares begin, five to eight lead to the maximum."""

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, kw_only=True)
class RankDay:
    """One observed day after the peak: a rank, or the depth that the app was worse than."""

    days_after_peak: int
    rank: int | None
    worse_than: int | None


@dataclass(frozen=True, kw_only=True)
class Decay:
    """The slope of ln(rank) per day, positive where the rank gets worse, and its 95 % interval."""

    per_day: float
    ci_low: float
    ci_high: float
    days: int


def rank_decay(observed: Sequence[RankDay]) -> Decay | None:
    """The slope by maximum likelihood; None where too few days were observed to tell.

    The interval is of the observed information, with the scatter and the quantile corrected for the
    number of ranked days as in ordinary least squares, which it is where no day is censored. It
    takes days as independent; a rank resembles that of the day before, so that it is a lower limit
    of the doubt.
    """
    days = sorted(observed, key=lambda day: day.days_after_peak)
    ranked = sum(day.rank is not None for day in days)
    if len(days) < LEAST_OBSERVATIONS or ranked < LEAST_RANKED:
        return None
    is_censored = np.array([day.rank is None for day in days])
    log_rank = np.log(np.array([day.rank or day.worse_than for day in days], dtype=np.float64))
    elapsed = np.array([day.days_after_peak for day in days], dtype=np.float64)
    unit = float(
        elapsed.std()
    )  # with both columns of one size the search takes a tenth of the steps
    line = np.column_stack([np.ones_like(elapsed), (elapsed - elapsed.mean()) / unit])
    slope, error = (value / unit for value in _slope_and_error(line, log_rank, is_censored))
    freedom = ranked - 2
    reach = float(stdtrit(freedom, 0.975)) * error * np.sqrt(ranked / freedom)
    return Decay(
        per_day=slope, ci_low=float(slope - reach), ci_high=float(slope + reach), days=len(days)
    )


def _slope_and_error(
    line: Floats, log_rank: Floats, is_censored: NDArray[np.bool_]
) -> tuple[float, float]:
    """The slope that maximises the likelihood, and its standard error.

    In Olsen's terms, the line and the log ranks divided by the scatter, the likelihood is concave:
    whatever maximum is found is the only one.
    """
    ranked = ~is_censored
    spread = np.linalg.lstsq(line[ranked], log_rank[ranked], rcond=None)[0]
    scatter = max(float(np.std(log_rank[ranked] - line[ranked] @ spread)), LEAST_SCATTER)
    found = minimize(
        _loss_and_gradient,
        x0=_by_newton(np.append(spread, 1.0) / scatter, line, log_rank, is_censored),
        args=(line, log_rank, is_censored),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), (None, None), (1e-6, 1 / LEAST_SCATTER)],
        options={"maxiter": 2000, "ftol": 1e-14, "gtol": 1e-8},
    )
    slope, precision = float(found.x[1]), float(found.x[2])
    information = _information(found.x, line, log_rank, is_censored)
    if precision >= 1 / LEAST_SCATTER:  # the scatter is the least one, not estimated
        variance = np.linalg.inv(information[:2, :2])
        return slope / precision, float(np.sqrt(variance[1, 1])) / precision
    variance = np.linalg.inv(information)
    by_parameter = np.array([0.0, 1 / precision, -slope / precision**2])
    return slope / precision, float(np.sqrt(by_parameter @ variance @ by_parameter))


def _by_newton(
    start: Floats, line: Floats, log_rank: Floats, is_censored: NDArray[np.bool_]
) -> Floats:
    """Where Newton's steps lead to, as long as they lead down and keep the precision in bounds.

    A handful of them is a tenth of the work of the search, which has little left to do.
    """
    at, (loss, gradient) = start, _loss_and_gradient(start, line, log_rank, is_censored)
    for _ in range(NEWTON_STEPS):
        try:
            step = np.linalg.solve(_information(at, line, log_rank, is_censored), gradient)
        except np.linalg.LinAlgError:  # too flat to tell: the search goes on from here
            break
        to = at - step
        if not 0 < to[2] < 1 / LEAST_SCATTER:
            break
        loss_there, gradient = _loss_and_gradient(to, line, log_rank, is_censored)
        if not loss_there < loss:
            break
        at, loss = to, loss_there
    return at


def _loss_and_gradient(
    parameters: Floats, line: Floats, log_rank: Floats, is_censored: NDArray[np.bool_]
) -> tuple[float, Floats]:
    """The negative log likelihood, and its derivative by line and precision."""
    precision = parameters[2]
    z = precision * log_rank - line @ parameters[:2]
    ranked = ~is_censored
    likelihood = np.where(is_censored, log_ndtr(-z), np.log(precision) - _LOG_SQRT_2PI - z**2 / 2)
    pull = np.where(is_censored, _hazard(z), z)  # minus the derivative by z
    gradient = np.append(-(pull @ line), pull @ log_rank - ranked.sum() / precision)
    return -float(likelihood.sum()), gradient


def _information(
    parameters: Floats, line: Floats, log_rank: Floats, is_censored: NDArray[np.bool_]
) -> Floats:
    """The second derivative of the negative log likelihood."""
    precision = parameters[2]
    z = precision * log_rank - line @ parameters[:2]
    hazard = _hazard(z)
    weight = np.where(is_censored, hazard * (hazard - z), 1.0)
    by_parameter = np.column_stack([-line, log_rank])
    information: Floats = (by_parameter * weight[:, None]).T @ by_parameter
    information[2, 2] += (~is_censored).sum() / precision**2
    return information


def _hazard(z: Floats) -> Floats:
    """The normal density at z over the probability of more than z."""
    hazard: Floats = np.exp(-(z**2) / 2 - _LOG_SQRT_2PI - log_ndtr(-z))
    return hazard
