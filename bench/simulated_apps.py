"""Simulated apps drawn from a wide range of known curves, none of them a shape that is fitted.

A user lives for a while (Weibull, log-normal, a mixture of two exponentials, or for good), and
while alive is active on a day with a chance of their own (beta-distributed), weekdays differing.
The truth of an app is the expected curve of that population. Nothing here is a power law or
beta-geometric.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from flows.outlook.history import AppHistory

Floats = NDArray[np.float64]

Lives = Callable[[np.random.Generator, int], Floats]
"""Draws until which day n so many users live."""

HORIZON = 90
FIRST_DAY = date(2025, 1, 6)
BRACKETS = ((1, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, 90))
LIVES = ("weibull", "lognormal", "two_speeds", "some_stay")
ARRIVALS = ("steady", "burst_from_day_0", "burst_after_invites", "slow_growth", "campaigns")


@dataclass(frozen=True, kw_only=True)
class SimulatedApp:
    """One app. ``curve[n]`` is the true chance that a user is active on day n."""

    history: AppHistory
    curve: Floats
    life: str
    arrivals: str

    @property
    def is_surge(self) -> bool:
        """Whether people came in a burst."""
        return self.arrivals.startswith("burst")


def draw_app(number: int, seed: int, days: int = 180) -> SimulatedApp:
    """The app of that number: ``days`` days of arrivals and all that follows from them."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number])))
    life = LIVES[int(rng.integers(len(LIVES)))]
    arrivals = ARRIVALS[int(rng.integers(len(ARRIVALS)))]
    users = _arrivals(arrivals, days, rng)
    chance = _alive_chance(life, rng)
    # early users are often keener than late ones: the level drifts by up to a half over the history
    drift = np.exp(rng.normal(0.0, 0.15) * np.arange(days) / days)
    noise = np.exp(rng.normal(0.0, 0.06, days))
    level, spread = rng.uniform(0.15, 0.8), rng.uniform(1.0, 8.0)
    weekday = 1.0 + rng.uniform(0.0, 0.25) * np.isin(np.arange(7), (5, 6))
    weekday /= weekday.mean()
    retained = np.zeros((days, HORIZON + 1))
    last_active = np.zeros((days, HORIZON + 1))
    brackets = {bracket: np.zeros(days) for bracket in BRACKETS}
    ages = np.arange(HORIZON + 1)
    for cohort in range(days):
        size = int(users[cohort])
        if size == 0:
            continue
        habit = np.clip(rng.beta(level * spread, (1 - level) * spread, size), 1e-6, 1)
        alive_until = chance(rng, size)
        today = weekday[(cohort + ages) % 7][None, :] * min(1.0, drift[cohort] * noise[cohort])
        active = rng.random((size, HORIZON + 1)) < habit[:, None] * today
        active &= alive_until[:, None] >= ages[None, :]
        active[:, 0] = True
        retained[cohort] = active.sum(axis=0)
        last = HORIZON - np.argmax(active[:, ::-1], axis=1)
        last_active[cohort] = np.bincount(last, minlength=HORIZON + 1)
        for first, until in BRACKETS:
            brackets[first, until][cohort] = active[:, first : until + 1].any(axis=1).sum()
    present = users > 0
    history = AppHistory(
        app_id=f"app{number}",
        watermark=FIRST_DAY + timedelta(days=days + HORIZON),
        cohort_dates=(np.datetime64(FIRST_DAY) + np.arange(days))[present],
        users=users[present],
        retained=retained[present],
        last_active=last_active[present],
        brackets={bracket: counts[present] for bracket, counts in brackets.items()},
    )
    sample = chance(np.random.Generator(np.random.PCG64(number)), 200_000)
    curve = level * np.array([(sample >= n).mean() for n in ages])
    curve[0] = 1.0
    return SimulatedApp(history=history, curve=curve, life=life, arrivals=arrivals)


def _arrivals(kind: str, days: int, rng: np.random.Generator) -> Floats:
    day = np.arange(days)
    scale = float(np.exp(rng.uniform(np.log(20), np.log(250))))
    if kind == "steady":
        shape = np.ones(days)
    elif kind == "burst_from_day_0":
        shape = 0.03 + 8.0 * np.exp2(-day / rng.uniform(3, 12))
    elif kind == "burst_after_invites":
        opens = int(rng.integers(3, 10))
        shape = np.where(day < opens, 0.6 * (day + 1) / opens, 0.05)
        shape = shape + np.where(
            day >= opens, 8.0 * np.exp2(-(day - opens) / rng.uniform(4, 12)), 0
        )
    elif kind == "slow_growth":
        shape = 0.5 * np.exp(rng.uniform(0.004, 0.012) * day)
    else:
        shape = np.ones(days)
        for _ in range(4):
            start = int(rng.integers(20, days))
            shape[start : start + 7] += 0.8
    weekend = 1.0 + rng.uniform(0.0, 0.4) * np.isin(day % 7, (5, 6))
    return rng.poisson(scale * shape * weekend).astype(np.float64)


def _alive_chance(life: str, rng: np.random.Generator) -> Lives:
    """A function that draws until which day n users live."""
    never = 10_000.0
    if life == "weibull":
        shape, scale = rng.uniform(0.25, 0.8), np.exp(rng.uniform(np.log(0.5), np.log(120)))
        return lambda r, size: scale * r.weibull(shape, size)
    if life == "lognormal":
        mean, spread = rng.uniform(-1.0, 4.5), rng.uniform(1.2, 2.6)
        return lambda r, size: r.lognormal(mean, spread, size)
    if life == "two_speeds":
        share, fast, slow = rng.uniform(0.4, 0.97), rng.uniform(0.4, 3), rng.uniform(20, 300)
        return lambda r, size: np.where(
            r.random(size) < share, r.exponential(fast, size), r.exponential(slow, size)
        )
    stay, scale = rng.uniform(0.0, 0.5), rng.uniform(0.5, 8)
    return lambda r, size: np.where(r.random(size) < stay, never, r.exponential(scale, size))
