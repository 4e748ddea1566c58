"""Forecast the retention of the users an app has, from the days that are complete.

What is forecast is the rate that the users who have started so far will have had on day n once all
of them are that old. Cohorts that are old enough contribute what they did; of the others it is
expected what the app's curve says, times the level at which they have kept to it so far. That is
the chain-ladder reasoning by which insurers complete their triangles.

The curve is what was observed, as far as it was, and beyond it a blend of two fitted shapes
(curves.py). Unbounded retention (active on day n or later, up to the horizon) follows from the mean
classic rate of these days: those who have not left come on a day with a chance of their own,
beta-distributed, so that of each user on one day there are so many who come on any of several (the
beta-binomial model of repeat visits; Chatfield & Goodhardt 1970). The distribution is that which
the complete brackets show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
from scipy.optimize import least_squares
from scipy.special import betaln

from flows.outlook.curves import MISFIT, Fit, Floats, Points, fit
from flows.outlook.history import AppHistory, Mask
from flows.outlook.wilson import wilson

TARGETS = (30, 60, 90)
"""The days n that are forecast."""

MIN_DAYS = 7
"""Complete days without which nothing is forecast: a weekend belongs to every week."""

MIN_USERS = 100
"""Users without whom a day of the curve is not used: below, an interval spans half of all rates."""

MIN_RETAINED = 10
"""Active user-days of the curve without which there is nothing to fit a shape to."""

REACH = 10
"""How many times the observed days a forecast may reach."""

T_95 = 2.570581836
"""The 97.5 % quantile of Student's t with 5 degrees of freedom: extrapolation errs with heavier
tails than chance does (seen on simulated apps)."""

COHORT_NOISE = 0.10
"""The relative difference between groups of cohorts that is usual beside chance."""

REACH_ERROR = 0.50
"""The relative error one e-fold of days beyond the observed ones, growing in proportion. Set on
simulated apps like those of `make bench`, other than those on which the coverage is measured."""

STEP_ERROR = 0.25
"""The same for the wandering of a curve about its shape, which grows with the root of the
distance."""

LEVEL_STRENGTH = 30.0
"""How many expected active user-days a group's own level must be seen for to weigh a half."""

LEVEL_ROUNDS = 3
"""How often levels and rates are fitted in turn; they hardly move after the second."""

VISIT_CLUMPING = 4.0
"""How much the variance of a group's active user-days exceeds that of as many strangers' visits."""

UNBOUNDED_ERROR = 0.20
"""The relative error of the step from daily rates to users, per e-fold of the days it goes
beyond."""

DAYS_OF_START = 7
"""The days at a range's start whose mean rate stands for those who had not left by then."""

Definition = Literal["classic", "unbounded"]
Status = Literal["observed", "forecast", "refused"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What earlier forecasts have taught: the weight of the power law, and how wide errors are.

    ``width`` multiplies the standard error of a forecast's log rate.
    """

    power_law_weight: float = 0.5
    width: float = 1.0
    outcomes: int = 0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """One rate that will be, with its 95 % interval; rates are fractions.

    ``users`` are those it speaks of, ``observed_users`` those whose day n is complete,
    of whom ``known_retained`` were active, ``observed_days`` the last day n of the curve that was
    observed well enough. ``log_error`` is the standard error of the log rate of the other users.
    Where it is refused, ``reason`` says why and the rates are None.
    """

    definition: Definition
    day_n: int
    users: int
    observed_users: int
    observed_days: int
    status: Status
    reason: str | None = None
    rate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    by_shape: dict[str, float] | None = None
    log_error: float | None = None
    known_retained: int = 0

    def open_rate(self, rate: float) -> float:
        """What a rate of all users means for those whose day n is not complete yet."""
        return (rate * self.users - self.known_retained) / (self.users - self.observed_users)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """An app's curve as it is known and expected on a day: everything forecasts are made of.

    ``points`` are what was observed, ``levelled`` the same with each cohort's users counted at its
    level, so that a day which only the oldest cohorts have completed speaks for all of them.
    """

    history: AppHistory
    as_of: date
    points: Points
    levelled: Points
    fits: dict[str, Fit]
    visits: tuple[float, float]

    @property
    def observed_days(self) -> int:
        """The last day n that enough users have completed; 0 where there is none."""
        return int(self.points.days[-1]) if len(self.points.days) else 0


def observe(history: AppHistory, as_of: date) -> Points:
    """The pooled classic curve from day 1 as it was on a day, as far as MIN_USERS reach."""
    complete = history.complete(as_of)
    eligible = (history.users[:, None] * complete).sum(axis=0)
    retained = np.where(complete, history.retained, 0.0).sum(axis=0)
    days = np.arange(1, history.horizon + 1)
    days = days[eligible[1:] >= MIN_USERS]
    return Points(days=days.astype(np.float64), eligible=eligible[days], retained=retained[days])


def look(history: AppHistory, as_of: date) -> Outlook:
    """Fit both shapes to what had been observed on a day; without fits where that is too little."""
    points = observe(history, as_of)
    levelled = _levelled(history, as_of, points)
    fits: dict[str, Fit] = {}
    if len(points.days) >= MIN_DAYS and points.retained.sum() >= MIN_RETAINED:
        for shape in ("power_law", "sbg"):
            try:
                fits[shape] = fit(shape, levelled)
            except RuntimeError:
                continue  # the other shape answers alone
    return Outlook(
        history=history,
        as_of=as_of,
        points=points,
        levelled=levelled,
        fits=fits,
        visits=_visits(history, as_of),
    )


def _levelled(history: AppHistory, as_of: date, points: Points) -> Points:
    """The curve of the mean cohort: levels of cohorts and rates of days, fitted in turn."""
    if not len(points.days):
        return points
    days = points.days.astype(int)
    complete = history.complete(as_of)[:, days]
    retained = np.where(complete, history.retained[:, days], 0.0)
    users = history.users[:, None] * complete
    rates = points.retained / points.eligible
    for _ in range(LEVEL_ROUNDS):
        expected = (users * rates).sum(axis=1)
        level = (retained.sum(axis=1) + LEVEL_STRENGTH) / (expected + LEVEL_STRENGTH)
        started = history.started(as_of)
        level /= (level * history.users)[started].sum() / history.users[started].sum()
        rates = np.minimum(1.0, points.retained / (users * level[:, None]).sum(axis=0))
    return Points(days=points.days, eligible=points.eligible, retained=rates * points.eligible)


def refusal(outlook: Outlook, day_n: int) -> str | None:
    """Why day n cannot be forecast; None where it can."""
    observed = outlook.observed_days
    if observed < MIN_DAYS:
        return (
            f"too young: {observed} complete days with {MIN_USERS} users or more, "
            f"{MIN_DAYS} are needed"
        )
    if outlook.points.retained.sum() < MIN_RETAINED:
        return (
            f"too few came back: {outlook.points.retained.sum():.0f} active user-days after day 0"
        )
    if not outlook.fits:
        return "no shape fits the curve"
    if day_n > REACH * observed:
        return f"too far: day {day_n} from {observed} complete days, at most {REACH} times as far"
    return None


def forecast(
    outlook: Outlook,
    day_n: int,
    definition: Definition = "classic",
    calibration: Calibration | None = None,
    group: Mask | None = None,
) -> Forecast:
    """Forecast one rate for the cohorts of ``group`` (default: all) that have started."""
    history, as_of = outlook.history, outlook.as_of
    mine = history.started(as_of) if group is None else history.started(as_of) & group
    # the unbounded rate is known when the horizon is complete
    last_n = day_n if definition == "classic" else history.horizon
    is_known = mine & (history.age(as_of) >= last_n)
    counts = history.retained if definition == "classic" else history.returned()
    users, known_users = history.users[mine].sum(), history.users[is_known].sum()
    known = counts[is_known, day_n].sum()
    told = Forecast(
        definition=definition,
        day_n=day_n,
        users=int(users),
        observed_users=int(known_users),
        observed_days=outlook.observed_days,
        known_retained=int(known),
        status="refused",
    )
    if users > 0 and known_users == users:
        low, high = wilson(known, users)
        return replace(told, status="observed", rate=known / users, ci_low=low, ci_high=high)
    if users < MIN_USERS:
        return replace(told, reason=f"too few users: {users:.0f}, {MIN_USERS} are needed")
    if reason := refusal(outlook, day_n):
        return replace(told, reason=reason)
    open_ = mine & ~is_known
    open_users = history.users[open_].sum()
    calibration = calibration or Calibration()
    log_level, level_error = _level(outlook, open_, calibration)
    by_shape = _shapes(outlook, day_n, definition)
    log_rate, log_error = _blended(by_shape, calibration)
    coming = open_users * min(1.0, float(np.exp(log_rate + log_level)))
    chance = np.sqrt((1 - coming / open_users) / max(coming, 0.5))
    error = float(np.sqrt((log_error**2 + level_error**2) * calibration.width**2 + chance**2))
    low, high = (coming * float(np.exp(z * error)) for z in (-T_95, T_95))
    return replace(
        told,
        status="forecast",
        rate=float((known + coming) / users),
        ci_low=float((known + low) / users),
        ci_high=float(min(1.0, (known + min(high, open_users)) / users)),
        by_shape={
            shape: float((known + open_users * min(1.0, np.exp(rate + log_level))) / users)
            for shape, (rate, _) in by_shape.items()
        },
        log_error=error,
    )


def curve(outlook: Outlook, calibration: Calibration, last_n: int) -> tuple[Floats, Floats]:
    """The log of the expected classic rate and its standard error, for days 1 to ``last_n``."""
    days = np.arange(1.0, last_n + 1.0)
    told = {shape: _classic(outlook, fitted, days) for shape, fitted in outlook.fits.items()}
    return _blended(told, calibration)


def _blended(
    by_shape: dict[str, tuple[Floats, Floats]], calibration: Calibration
) -> tuple[Floats, Floats]:
    """The shapes' weighted mean of log rates; their disagreement adds to the error."""
    weights = {"power_law": calibration.power_law_weight}
    weights["sbg"] = 1.0 - weights["power_law"]
    total = sum(weights[shape] for shape in by_shape) or 1.0
    share = {shape: weights[shape] / total for shape in by_shape}
    if len(by_shape) == 1:
        share = dict.fromkeys(by_shape, 1.0)
    mean = np.asarray(sum(share[s] * rates for s, (rates, _) in by_shape.items()))
    variance = sum(
        share[s] * (errors**2 + (rates - mean) ** 2) for s, (rates, errors) in by_shape.items()
    )
    return mean, np.asarray(np.sqrt(variance))


def _shapes(
    outlook: Outlook, day_n: int, definition: Definition
) -> dict[str, tuple[Floats, Floats]]:
    """Per shape the log of the app's rate at a day and its standard error."""
    result = {}
    for shape, fitted in outlook.fits.items():
        if definition == "classic":
            log_rate, error = _classic(outlook, fitted, np.array([float(day_n)]))
            result[shape] = (log_rate[0], error[0])
            continue
        length = outlook.history.horizon - day_n + 1
        days = np.arange(float(day_n), day_n + min(length, DAYS_OF_START))
        log_rates, errors = _classic(outlook, fitted, days)
        came = _came_per_daily_rate(np.array([float(length)]), *outlook.visits)[0]
        reach = UNBOUNDED_ERROR * np.log(1.0 + length / outlook.observed_days)
        # the errors of neighbouring days are one error: they do not cancel
        share = min(1.0, float(np.exp(log_rates).mean()) * max(1.0, float(came)))
        result[shape] = (
            float(np.log(share)),
            float(np.hypot(errors.mean(), reach)),
        )
    return result


def _classic(outlook: Outlook, fitted: Fit, days: Floats) -> tuple[Floats, Floats]:
    """The log rate by day: what was observed and what is fitted, weighted by their errors."""
    days = np.asarray(days, dtype=np.float64)
    log_rate, error = fitted.log_rate(days), fitted.log_error(days)
    log_rate = log_rate + _tail_correction(outlook, fitted)
    beyond = np.maximum(0.0, np.log(days / outlook.observed_days))
    error = np.sqrt(error**2 + MISFIT**2 + STEP_ERROR**2 * beyond + (REACH_ERROR * beyond) ** 2)
    seen = outlook.levelled
    where = np.searchsorted(seen.days, days)
    is_seen = (where < len(seen.days)) & (seen.days[np.minimum(where, len(seen.days) - 1)] == days)
    at = where[is_seen]
    if len(at):
        chance = seen.log_errors[at]
        weight = error[is_seen] ** 2 / (error[is_seen] ** 2 + chance**2)
        log_rate[is_seen] += weight * (seen.log_rates[at] - log_rate[is_seen])
        error[is_seen] = np.sqrt(weight) * chance
    return log_rate, np.maximum(error, 1e-3)


def _tail_correction(outlook: Outlook, fitted: Fit) -> float:
    """The mean residual of the last third of the curve: where a shape does not fit, its end
    counts."""
    points = outlook.levelled
    tail = points.days >= points.days[-1] * 2 / 3
    residuals = points.log_rates[tail] - fitted.log_rate(points.days[tail])
    precision = 1.0 / points.log_errors[tail] ** 2
    total = float(precision.sum())
    return float((residuals * precision).sum() / (total + 1.0 / MISFIT**2))


def _level(outlook: Outlook, group: Mask, calibration: Calibration) -> tuple[float, float]:
    """The log of the level at which a group keeps to the app's curve, and its standard error."""
    history = outlook.history
    last_n = outlook.observed_days
    log_rate, _ = curve(outlook, calibration, last_n)
    complete = history.complete(outlook.as_of)[group, 1 : last_n + 1]
    expected = float((history.users[group, None] * complete * np.exp(log_rate)[None, :]).sum())
    actual = float(np.where(complete, history.retained[group, 1 : last_n + 1], 0.0).sum())
    level = (actual + LEVEL_STRENGTH) / (expected + LEVEL_STRENGTH)
    chance = np.sqrt(VISIT_CLUMPING / (actual + LEVEL_STRENGTH))
    return float(np.log(level)), float(np.sqrt(chance**2 + COHORT_NOISE**2))


def _visits(history: AppHistory, as_of: date) -> tuple[float, float]:
    """The beta distribution (a, b) of daily visits that the complete brackets agree with best.

    Later brackets count for more: those who are still there then are more alike.
    """
    age = history.age(as_of)
    known: list[tuple[float, float, float]] = []
    for (first, last), users_active in history.brackets.items():
        if not 1 <= first < last <= history.horizon:
            continue
        old = age >= last
        length = last - first + 1
        start = min(length, DAYS_OF_START)
        per_day = float(history.retained[old, first : first + start].sum()) / start
        came = float(users_active[old].sum())
        if history.users[old].sum() >= MIN_USERS and came >= MIN_RETAINED and per_day > 0:
            known.append((length, came / per_day, np.sqrt(1 / came + 0.5 / first)))
    lengths, ratios, errors = (
        (np.array(column) for column in zip(*known, strict=True))
        if known
        else (
            np.empty(0),
            np.empty(0),
            np.empty(0),
        )
    )

    def mismatch(parameters: Floats) -> Floats:
        prior = np.array([parameters[0] - 0.0, parameters[1] - 0.7]) / 1.5
        told = np.log(_came_per_daily_rate(lengths, *np.exp(parameters))) - np.log(ratios)
        return np.concatenate([told / errors, prior])

    found = least_squares(mismatch, (0.0, 0.7), bounds=((-4.0, -4.0), (4.0, 5.0)))
    a, b = np.exp(found.x)
    return float(a), float(b)


def _came_per_daily_rate(length: Floats, a: float, b: float) -> Floats:
    """How many users come on any of some days, per user on one of them."""
    return np.asarray(-np.expm1(betaln(a, b + length) - betaln(a, b)) * (a + b) / a)


def months(history: AppHistory, as_of: date) -> Sequence[str]:
    """The calendar months, as YYYY-MM, in which cohorts had started on a day, oldest first."""
    started = history.cohort_dates[history.started(as_of)]
    return [str(month) for month in np.unique(started.astype("datetime64[M]"))]


def of_month(history: AppHistory, month: str) -> Mask:
    """Per cohort, whether it started in a month."""
    return np.asarray(history.cohort_dates.astype("datetime64[M]") == np.datetime64(month))
