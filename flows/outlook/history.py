"""An app's cohorts as arrays, and what of them had been seen on a given day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class AppHistory:
    """One app: C cohorts, one per calendar day with new users, by day n from 0 to the horizon H.

    ``retained[c, n]`` counts the users of cohort c who were active on day n (classic),
    ``last_active[c, n]`` those whose last activity up to the horizon was on day n. ``brackets``
    maps (first, last) to the users per cohort who were active on any of these days. Counts of days
    that had not ended by ``watermark`` are of no meaning: ask ``complete``.
    """

    app_id: str
    watermark: date
    cohort_dates: Dates
    users: Floats
    retained: Floats
    last_active: Floats
    brackets: Mapping[tuple[int, int], Floats] = field(default_factory=dict)

    @property
    def horizon(self) -> int:
        """The last day n."""
        return int(self.retained.shape[1]) - 1

    @property
    def first_date(self) -> date:
        """The day of the first cohort. There is one."""
        first: date = self.cohort_dates.min().item()
        return first

    def started(self, as_of: date) -> Mask:
        """Per cohort, whether it had started on a day."""
        return np.asarray(self.cohort_dates <= np.datetime64(as_of))

    def age(self, as_of: date) -> NDArray[np.int64]:
        """Per cohort, the last day n that had ended on a day; negative before it started."""
        return (np.datetime64(as_of) - self.cohort_dates).astype(np.int64)

    def complete(self, as_of: date) -> Mask:
        """Per cohort and day n, whether that day had ended for the cohort on a day."""
        return self.age(as_of)[:, None] >= np.arange(self.horizon + 1)[None, :]

    def eligible(self, as_of: date, day_n: int) -> float:
        """How many users had been observed for ``day_n`` complete days on a day."""
        return float(self.users[self.age(as_of) >= day_n].sum())

    def returned(self) -> Floats:
        """Per cohort and day n, the users active on day n or later, up to the horizon.

        It holds for cohorts whose horizon is complete.
        """
        return np.cumsum(self.last_active[:, ::-1], axis=1)[:, ::-1]
