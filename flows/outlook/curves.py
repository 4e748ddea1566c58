"""Two shapes that retention curves take, fitted to what was observed and extrapolated.

Both are fitted to the logarithm of the classic rate, so that errors are relative: being wrong by
half is as bad at 1 % as at 30 %.

- power law: r(n) = c n^-d. Forgetting and returning to media are close to it over decades of n.
- shifted beta-geometric times activity: r(n) = q B(a, b + n) / B(a, b). Users leave for good with a
  chance of their own each day, beta-distributed over users (Fader & Hardie 2007, "How to project
  customer retention"); q is how likely one who has not left is to come on a given day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.special import betaln

Floats = NDArray[np.float64]

MISFIT = 0.08
"""Relative error that a shape may have at any day, beside chance: without it the millions of users
of the first days would decide everything, and the tail, which is extrapolated, nothing."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """An observed curve: per day n the eligible users and how many of them were active."""

    days: Floats
    eligible: Floats
    retained: Floats

    @property
    def log_rates(self) -> Floats:
        """Log of the rate, of half a user more among one more, so that none is not minus
        infinity."""
        return np.asarray(np.log((self.retained + 0.5) / (self.eligible + 1.0)))

    @property
    def log_errors(self) -> Floats:
        """The standard error of the log rates by chance alone (delta method, binomial)."""
        rate = np.exp(self.log_rates)
        return np.asarray(np.sqrt((1.0 - rate) / (self.eligible * rate)))


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A shape with its parameters: log rates and their standard errors at any day n >= 1."""

    shape: str
    parameters: Floats
    covariance: Floats

    def log_rate(self, days: Floats) -> Floats:
        """The log of the classic rate."""
        return SHAPES[self.shape](days, *self.parameters)

    def log_error(self, days: Floats) -> Floats:
        """The standard error of the log rate that comes from the parameters (delta method)."""
        step = 1e-4
        base = self.log_rate(days)
        gradient = np.stack(
            [
                (SHAPES[self.shape](days, *moved) - base) / step
                for moved in self.parameters + step * np.eye(len(self.parameters))
            ]
        )
        variance = np.einsum("in,ij,jn->n", gradient, self.covariance, gradient)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _power_law(days: Floats, log_c: float, d: float) -> Floats:
    return np.asarray(log_c - d * np.log(days))


def _beta_geometric(days: Floats, log_a: float, log_b: float, log_q: float) -> Floats:
    a, b = np.exp(log_a), np.exp(log_b)
    return np.asarray(log_q + betaln(a, b + days) - betaln(a, b))


SHAPES: dict[str, Callable[..., Floats]] = {"power_law": _power_law, "sbg": _beta_geometric}
"""Shape to the log rate by day n and its parameters."""

_STARTS = {"power_law": (-1.5, 0.6), "sbg": (-0.7, 0.7, -1.0)}
_BOUNDS = {
    "power_law": ((-12.0, 0.0), (0.0, 4.0)),
    "sbg": ((-4.0, -4.0, -12.0), (4.0, 6.0, 0.0)),
}


def fit(shape: str, points: Points) -> Fit:
    """Fit a shape by weighted least squares of the log rates.

    The covariance is scaled by the residuals where they are larger than chance and MISFIT explain.
    Raises RuntimeError where the fit does not converge.
    """
    sigma = np.sqrt(points.log_errors**2 + MISFIT**2)
    parameters, covariance = curve_fit(
        SHAPES[shape],
        points.days,
        points.log_rates,
        p0=_STARTS[shape],
        sigma=sigma,
        absolute_sigma=True,
        bounds=_BOUNDS[shape],
        max_nfev=2000,
    )
    residuals = (points.log_rates - SHAPES[shape](points.days, *parameters)) / sigma
    freedom = max(len(points.days) - len(parameters), 1)
    inflation = max(1.0, float(residuals @ residuals) / freedom)
    finite = np.where(np.isfinite(covariance), covariance, 1e3)
    return Fit(shape=shape, parameters=parameters, covariance=finite * inflation)
