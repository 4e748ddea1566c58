"""The simulated apps: how many people install each, and how likely they are to be back on day n."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LAST_DAY = date(2026, 2, 27)
"""The last day of every extract; it is delivered in full, through 23:59 UTC."""

CHECKED_DAYS = (1, 7, 30, 60)
"""The days at which truth and measurement are compared."""


@dataclass(frozen=True, kw_only=True)
class SimulatedApp:
    """One app and its truth. Days are UTC days counted from ``first_day``.

    ``points`` are (day n, share of users active on day n); between them the curve is a power law,
    and beyond the last it goes on with the last slope. A share ``heavy_share`` of the users is
    ``heavy_boost`` times as likely to be back as the average, the others are less likely, so that
    the average over all users is exactly the curve. ``more_events`` is the chance that one more
    event follows on an active day. ``actions`` maps an event to its weight among (light, heavy)
    users: heavy ones make things with the app, light ones look on. ``countries`` maps a country to
    (weight, hours ahead of UTC).
    """

    app_id: str
    name: str
    description: str
    store_id: str
    first_day: date
    points: tuple[tuple[int, float], ...]
    installs: Callable[[Integers], Floats]
    heavy_share: float
    heavy_boost: float
    more_events: float
    actions: dict[str, tuple[float, float]]
    platforms: dict[str, float]
    countries: dict[str, tuple[float, float]]
    channels: dict[str, tuple[float, float]]
    """channel -> (weight among light users, weight among heavy users)"""

    @property
    def days(self) -> int:
        """Days from ``first_day`` to LAST_DAY, both included."""
        return (LAST_DAY - self.first_day).days + 1

    def retention(self, day_n: Integers) -> Floats:
        """The probability that a user is active on day cohort_date + n; 1 on day 0."""
        log_n = np.log(np.array([n for n, _ in self.points], dtype=np.float64))
        log_p = np.log(np.array([p for _, p in self.points], dtype=np.float64))
        wanted = np.log(np.maximum(day_n, 1).astype(np.float64))
        last_slope = (log_p[-1] - log_p[-2]) / (log_n[-1] - log_n[-2])
        beyond = log_p[-1] + last_slope * (wanted - log_n[-1])
        curve = np.where(wanted > log_n[-1], beyond, np.interp(wanted, log_n, log_p))
        return np.where(day_n == 0, 1.0, np.exp(curve))

    def retention_truth(self) -> dict[int, float]:
        """day n -> the true retention, at the days that are compared."""
        days = np.array(CHECKED_DAYS, dtype=np.int64)
        return {int(n): float(round(p, 6)) for n, p in zip(days, self.retention(days), strict=True)}

    def installs_by_day(self) -> Integers:
        """New users on each day, as whole people."""
        return np.rint(self.installs(np.arange(self.days, dtype=np.int64))).astype(np.int64)


def _invited_then_open(day: Integers) -> Floats:
    """Four days by invitation, then everybody at once, halving every eight days to a trickle."""
    invited = np.array([300.0, 500.0, 900.0, 1600.0])
    opened = 40.0 + 3200.0 * np.exp2(-(day - 4) / 8.0)
    return np.where(day < 4, invited[np.minimum(day, 3)], opened)


def _steady(per_day: float, weekend: float) -> Callable[[Integers], Floats]:
    """The same every week; 2025-09-30, day 0 of all apps, is a Tuesday."""

    def installs(day: Integers) -> Floats:
        return np.where(np.isin((day + 1) % 7, (5, 6)), per_day * weekend, per_day)

    return installs


SPIKE = SimulatedApp(
    app_id="spike",
    name="Vidra (simulated)",
    description=(
        "Simulated: an AI video app, invite-only for four days and then open. Modelled after the "
        "retention published for the AI video app that led the App Store in October 2025: "
        "D1 10 %, D7 2 %, D30 1 %, D60 0 % (here 0.3 %, which prints as 0 %)."
    ),
    store_id="900000001",
    first_day=date(2025, 9, 30),
    points=((1, 0.10), (7, 0.02), (30, 0.01), (60, 0.003)),
    installs=_invited_then_open,
    heavy_share=0.15,
    heavy_boost=4.0,
    more_events=0.62,
    actions={
        "video_created": (0.04, 0.55),
        "video_watched": (0.93, 0.20),
        "video_shared": (0.03, 0.25),
    },
    platforms={"ios": 0.86, "android": 0.0, "web": 0.14},
    countries={"US": (0.62, -5), "JP": (0.16, 9), "CA": (0.12, -5), "KR": (0.10, 9)},
    channels={
        "organic": (0.62, 0.40),
        "referral": (0.18, 0.50),
        "paid_social": (0.20, 0.10),
    },
)

HABIT = SimulatedApp(
    app_id="habit",
    name="Loopz (simulated)",
    description=(
        "Simulated: a short-video app that people make a habit of. Modelled after the retention "
        "published for the leading short-video app: D1 50 %, D30 32 %; the days between and "
        "beyond lie on the power law through those two points."
    ),
    store_id="900000002",
    first_day=date(2025, 9, 30),
    points=((1, 0.50), (30, 0.32)),
    installs=_steady(25.0, 1.4),
    heavy_share=0.30,
    heavy_boost=1.9,
    more_events=0.42,
    actions={
        "clip_watched": (0.70, 0.50),
        "clip_liked": (0.20, 0.24),
        "clip_shared": (0.06, 0.14),
        "comment_posted": (0.04, 0.12),
    },
    platforms={"ios": 0.42, "android": 0.55, "web": 0.03},
    countries={
        "US": (0.34, -5),
        "IN": (0.22, 5.5),
        "BR": (0.20, -3),
        "JP": (0.14, 9),
        "DE": (0.10, 1),
    },
    channels={
        "organic": (0.50, 0.58),
        "paid_social": (0.32, 0.10),
        "referral": (0.10, 0.27),
        "store_search": (0.08, 0.05),
    },
)

LEAKY = SimulatedApp(
    app_id="leaky",
    name="Snaply (simulated)",
    description=(
        "Simulated: a photo app that buys the same number of installs every day and keeps few of "
        "them, so that its totals look healthy. Modelled after nobody's published figures: "
        "D1 18 %, D7 6 %, D30 2 %, D60 1 % are made up, as a typical leaking bucket."
    ),
    store_id="900000003",
    first_day=date(2025, 9, 30),
    points=((1, 0.18), (7, 0.06), (30, 0.02), (60, 0.01)),
    installs=_steady(110.0, 1.15),
    heavy_share=0.20,
    heavy_boost=3.0,
    more_events=0.50,
    actions={
        "photo_edited": (0.34, 0.45),
        "filter_applied": (0.56, 0.25),
        "photo_exported": (0.10, 0.30),
    },
    platforms={"ios": 0.38, "android": 0.62, "web": 0.0},
    countries={"US": (0.40, -5), "GB": (0.18, 0), "MX": (0.22, -6), "PH": (0.20, 8)},
    channels={
        "paid_social": (0.64, 0.22),
        "organic": (0.24, 0.50),
        "store_search": (0.12, 0.28),
    },
)

APPS = (SPIKE, HABIT, LEAKY)
