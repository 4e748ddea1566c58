"""Hold forecasts made at earlier ages of each app against what came, beside two naive ones.

The history that stands today is cut at the day of the forecast; late data that had not arrived by
then is in it. A forecast's outcome is known once every cohort it speaks of is old enough. What has
been learnt by a day, how to weigh the shapes and how wide to make intervals, is learnt from
outcomes known by that day.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np

from flows.outlook.forecast import (
    T_95,
    TARGETS,
    Calibration,
    Definition,
    Forecast,
    Outlook,
    forecast,
    look,
)
from flows.outlook.history import AppHistory

AGES = (7, 14, 21, 28, 42, 56, 84, 112, 168, 224, 336, 448, 672)
"""Days after an app's first cohort at which it is forecast again: so few that a long history costs
hardly more than a short one."""

DEFINITIONS: tuple[Definition, ...] = ("classic", "unbounded")

PRIOR_OUTCOMES = 6
"""How many outcomes it takes to believe the shapes' own errors half."""

PRIOR_WIDTHS = 30
"""How many outcomes it takes to believe half in what widths would have been right."""

PRIOR_LOG_ERROR = 0.5

WIDTHS = (0.8, 3.0)
"""The bounds within which intervals are narrowed or widened by experience."""

FLOOR = 1e-4
"""Added to rates before their logarithm is taken: nobody decides on a difference below it."""

Method = Literal["blend", "power_law", "sbg", "last_value", "other_apps"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One forecast by one method and what came of it, from ``known_on`` on. Rates are fractions.

    Only the blend has an interval, and ``log_miss``: the log of the actual rate over the forecast
    one of the users whose day was open, ``log_error`` being its standard error as it was foreseen.
    """

    app_id: str
    as_of: date
    known_on: date
    definition: Definition
    day_n: int
    method: Method
    users: int
    observed_days: int
    forecast_rate: float
    actual_rate: float
    ci_low: float | None = None
    ci_high: float | None = None
    log_miss: float | None = None
    log_error: float | None = None


def backtest(histories: Sequence[AppHistory]) -> list[Outcome]:
    """Forecast every app at AGES with what was known then; the outcomes known by now."""
    origins = sorted(
        (history.first_date + timedelta(days=age), history.app_id, number)
        for number, history in enumerate(histories)
        for age in AGES
    )
    averages = {definition: _average_curves(histories, definition) for definition in DEFINITIONS}
    experience = Experience()
    outcomes: list[Outcome] = []
    for as_of, _, number in origins:
        history = histories[number]
        wanted = [
            (definition, day_n)
            for definition in DEFINITIONS
            for day_n in TARGETS
            if day_n <= history.horizon
            and _known_on(history, as_of, definition, day_n) <= history.watermark
        ]
        if not wanted:
            continue
        outlook = look(history, as_of)
        calibration = experience.by(as_of)
        for definition, day_n in wanted:
            told = forecast(outlook, day_n, definition, calibration)
            if told.status == "forecast":
                found = _outcomes(outlook, told, averages[definition].get(history.app_id, {}))
                experience.add(found)
                outcomes += found
    return outcomes


class Experience:
    """What outcomes teach about weights and widths, in the order in which they become known."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._open: list[tuple[date, int, Outcome]] = []
        self._seen = 0
        self._squares = {"power_law": 0.0, "sbg": 0.0}
        self._counts = {"power_law": 0, "sbg": 0}
        self._misses: list[float] = []  # in units of what was foreseen, sorted
        self.add(outcomes)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Outcomes to be learnt from once they are known; those of classic retention count."""
        for outcome in outcomes:
            if outcome.definition == "classic":
                self._seen += 1
                heapq.heappush(self._open, (outcome.known_on, self._seen, outcome))

    def by(self, as_of: date) -> Calibration:
        """What is known by a day. Days are asked for in order."""
        while self._open and self._open[0][0] <= as_of:
            self._learn(heapq.heappop(self._open)[2])
        mean = {
            shape: (squares + PRIOR_OUTCOMES * PRIOR_LOG_ERROR**2)
            / (self._counts[shape] + PRIOR_OUTCOMES)
            for shape, squares in self._squares.items()
        }
        return Calibration(
            power_law_weight=mean["sbg"] / (mean["sbg"] + mean["power_law"]),
            width=self._width(),
            outcomes=len(self._misses),
        )

    def _learn(self, outcome: Outcome) -> None:
        if outcome.method in self._squares:
            miss = np.log((outcome.actual_rate + FLOOR) / (outcome.forecast_rate + FLOOR))
            self._squares[outcome.method] += float(miss) ** 2
            self._counts[outcome.method] += 1
        if outcome.log_miss is not None and outcome.log_error is not None:
            bisect.insort(self._misses, abs(outcome.log_miss / outcome.log_error))

    def _width(self) -> float:
        """What intervals would have had to be multiplied by for 95 % of them to hold."""
        if not self._misses:
            return 1.0
        needed = self._misses[min(len(self._misses) - 1, int(0.95 * len(self._misses)))] / T_95
        belief = len(self._misses) / (len(self._misses) + PRIOR_WIDTHS)
        return float(np.clip(needed**belief, *WIDTHS))


def calibrate(outcomes: Iterable[Outcome], as_of: date) -> Calibration:
    """What the outcomes known by a day teach."""
    return Experience(outcomes).by(as_of)


def _known_on(history: AppHistory, as_of: date, definition: Definition, day_n: int) -> date:
    """The day by which the youngest cohort of a forecast is old enough to tell its outcome."""
    return as_of + timedelta(days=day_n if definition == "classic" else history.horizon)


def _outcomes(outlook: Outlook, told: Forecast, average: Mapping[int, float]) -> list[Outcome]:
    history, as_of = outlook.history, outlook.as_of
    assert told.rate is not None
    assert told.by_shape is not None
    started = history.started(as_of)
    counts = history.retained if told.definition == "classic" else history.returned()
    actual = float(counts[started, told.day_n].sum() / history.users[started].sum())
    blend = Outcome(
        app_id=history.app_id,
        as_of=as_of,
        known_on=_known_on(history, as_of, told.definition, told.day_n),
        definition=told.definition,
        day_n=told.day_n,
        method="blend",
        users=told.users,
        observed_days=told.observed_days,
        forecast_rate=told.rate,
        actual_rate=actual,
        ci_low=told.ci_low,
        ci_high=told.ci_high,
        log_miss=float(
            np.log((told.open_rate(actual) + FLOOR) / (told.open_rate(told.rate) + FLOOR))
        ),
        log_error=told.log_error,
    )
    others: dict[Method, float | None] = {
        "power_law": told.by_shape.get("power_law"),
        "sbg": told.by_shape.get("sbg"),
        "last_value": _whole(told, _last_value(outlook, told.definition)),
        "other_apps": _whole(told, average.get(told.day_n)),
    }
    without = replace(blend, ci_low=None, ci_high=None, log_miss=None, log_error=None)
    return [
        blend,
        *(
            replace(without, method=method, forecast_rate=rate)
            for method, rate in others.items()
            if rate is not None
        ),
    ]


def _whole(told: Forecast, open_rate: float | None) -> float | None:
    """The rate of all users, were this that of those whose day is still open."""
    if open_rate is None:
        return None
    return (told.known_retained + open_rate * (told.users - told.observed_users)) / told.users


def _last_value(outlook: Outlook, definition: Definition) -> float | None:
    """The rate that was observed last: of the last day, or unbounded of the last whole bracket."""
    if definition == "classic":
        points = outlook.points
        return float(points.retained[-1] / points.eligible[-1])
    history = outlook.history
    age = history.age(outlook.as_of)
    known = [
        (last, float(users[age >= last].sum() / history.users[age >= last].sum()))
        for (first, last), users in history.brackets.items()
        if (age >= last).any() and first >= 1
    ]
    return max(known)[1] if known else None


def _average_curves(
    histories: Sequence[AppHistory], definition: Definition
) -> dict[str, dict[int, float]]:
    """Per app the mean rate at each target of all other apps, of all that is known of them today.

    This gives the naive forecast more than it could have known at the time.
    """
    rates: dict[str, dict[int, float]] = {}
    for history in histories:
        counts = history.retained if definition == "classic" else history.returned()
        rates[history.app_id] = {}
        for day_n in TARGETS:
            last_n = day_n if definition == "classic" else history.horizon
            old = history.age(history.watermark) >= last_n
            if day_n <= history.horizon and old.any():
                rates[history.app_id][day_n] = float(
                    counts[old, day_n].sum() / history.users[old].sum()
                )
    return {
        app_id: {
            day_n: float(np.mean(others))
            for day_n in TARGETS
            if (others := [r[day_n] for a, r in rates.items() if a != app_id and day_n in r])
        }
        for app_id in rates
    }
