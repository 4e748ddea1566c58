"""Histories of apps made by hand: as many users a day, and the share that is active on day n."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pytest

from flows.outlook.history import AppHistory

FIRST = date(2024, 1, 1)

Floats = npt.NDArray[np.float64]

Rate = Callable[[Floats], Floats | float]
"""The share of a cohort that is active on each of these days."""


class MakeApp(Protocol):
    """Makes an app: users by cohort day, and its exact classic curve from day 1."""

    def __call__(
        self,
        users: Sequence[float],
        rate: Rate,
        watermark: date,
        horizon: int = 90,
        app_id: str = "app",
    ) -> AppHistory: ...


@pytest.fixture
def an_app() -> MakeApp:
    def make(
        users: Sequence[float], rate: Rate, watermark: date, horizon: int = 90, app_id: str = "app"
    ) -> AppHistory:
        cohorts = np.asarray(users, dtype=float)
        days = np.arange(1.0, horizon + 1)
        curve = np.concatenate([[1.0], np.broadcast_to(rate(days), (horizon,))])
        retained = np.rint(cohorts[:, None] * curve[None, :])
        # who comes on a day comes on all days before it: last seen is what the curve loses
        last = retained - np.concatenate([retained[:, 1:], np.zeros((len(users), 1))], axis=1)
        brackets = {(a, b): retained[:, a] for a, b in ((1, 3), (4, 7), (8, 14), (15, 30))}
        return AppHistory(
            app_id=app_id,
            watermark=watermark,
            cohort_dates=np.datetime64(FIRST) + np.arange(len(users)),
            users=cohorts,
            retained=retained,
            last_active=last,
            brackets=brackets,
        )

    return make
