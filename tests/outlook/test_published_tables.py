"""The parts of the forecaster against published tables, to the printed digits.

Fader & Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1):
customers of a subscription who are left after each year, the shifted beta-geometric fitted to the
first seven years, and its log-likelihood for 1,000 customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import minimize

from flows.outlook.curves import SHAPES, Floats


@dataclass(frozen=True, kw_only=True)
class Table:
    """Percent of customers left after each year from 0 to 7, and what was published of the fit."""

    left: tuple[float, ...]
    alpha: float
    beta: float
    log_likelihood: float
    projected: tuple[float, ...]
    """Percent left after years 8 to 12, by the fit before its parameters are rounded."""


TABLES = {
    "Regular": Table(
        left=(100.0, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1),
        alpha=0.704,
        beta=1.182,
        log_likelihood=-1680.2652,
        projected=(22.01, 20.44, 19.12, 17.99, 17.00),
    ),
    "High End": Table(
        left=(100.0, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1),
        alpha=0.668,
        beta=3.806,
        log_likelihood=-1611.1580,
        projected=(46.04, 43.58, 41.42, 39.51, 37.80),
    ),
}


def share_left(years: Floats, alpha: float, beta: float) -> Floats:
    """Of customers of whom all who are left pay: the shape with an activity of 1."""
    return np.exp(SHAPES["sbg"](years, np.log(alpha), np.log(beta), 0.0))


def log_likelihood(table: Table, alpha: float, beta: float) -> float:
    """Of 1,000 customers: who left in each year, and who is left after the last one."""
    customers = 10 * np.array(table.left)
    share = share_left(np.arange(float(len(customers))), alpha, beta)
    left_in_year = -np.diff(customers) @ np.log(-np.diff(share))
    return float(left_in_year + customers[-1] * np.log(share[-1]))


def most_likely(table: Table) -> tuple[float, float]:
    """Alpha and beta."""
    found = minimize(
        lambda logs: -log_likelihood(table, *np.exp(logs)),
        x0=np.zeros(2),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-9},
    )
    alpha, beta = np.exp(found.x)
    return float(alpha), float(beta)


@pytest.mark.parametrize("name", TABLES)
def test_the_beta_geometric_is_most_likely_where_published(name: str) -> None:
    table = TABLES[name]
    alpha, beta = most_likely(table)
    assert (round(alpha, 3), round(beta, 3)) == (table.alpha, table.beta)
    assert log_likelihood(table, alpha, beta) == pytest.approx(table.log_likelihood, abs=2e-4)


@pytest.mark.parametrize("name", TABLES)
def test_the_beta_geometric_projects_as_published(name: str) -> None:
    table = TABLES[name]
    projected = 100 * share_left(np.arange(8.0, 13.0), *most_likely(table))
    assert tuple(np.round(projected, 2)) == table.projected
