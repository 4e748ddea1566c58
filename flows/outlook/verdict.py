"""Say whether an app's users stay: sticks, spike, leaky, or too early to tell, and why.

- sticks: on day 60 at least ``stay_rate`` of the users are active, and the curve has flattened:
  from day 30 to day 60 it keeps at least the share ``flat_ratio``. The floor decides, not day 1.
- spike: it does not stick, and its users came in a burst.
- leaky: it does not stick, and new users go on coming as before, or slowly more.
- too_early: not enough complete days, not enough users, or the forecast cannot decide.

Where day 60 is not complete for all users it is forecast (forecast.py), and the confidence is the
probability which that forecast gives the answer, times how clear the shape of the arrivals is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from scipy.stats import norm, t

from flows.outlook.curves import Floats
from flows.outlook.forecast import (
    MIN_DAYS,
    T_95,
    Calibration,
    Forecast,
    Outlook,
    forecast,
    look,
)
from flows.outlook.history import AppHistory
from flows.outlook.rules import VerdictRules
from flows.outlook.wilson import wilson

MILESTONES = (7, 14, 28, 60, 90)
"""Complete days that each tell more than the one before."""

SETTLED_USERS = 400
"""Users with so many complete days make a milestone worth waiting for: D7 then is known within a
few points."""

BURST_DAYS = 14
"""A burst rises or falls within so many days."""

ARRIVAL_NOISE = 0.35
"""The standard error of the log of a burst's ratio: weekdays, holidays, small campaigns."""

Word = Literal["sticks", "spike", "leaky", "too_early"]


@dataclass(frozen=True, kw_only=True)
class ChartDay:
    """The best rank of a day on one chart; ``rank`` is the day's last, None off the chart."""

    chart: str
    day: date
    best_rank: int | None
    rank: int | None
    depth: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer on a day, with at most three reasons; ``next_on`` is when more can be told."""

    app_id: str
    as_of: date
    word: Word
    confidence: float | None
    reasons: tuple[str, ...]
    would_change: str
    next_on: date | None
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """How new users came, up to a day: means of three days, the best one and the last.

    ``ratio`` is the largest factor between two such means within BURST_DAYS, ``kept`` the last
    seven days' new users as a share of the best seven days', ``best_share`` the share of all users
    who came within the best BURST_DAYS days.
    """

    days: int
    peak_on: date
    peak_per_day: float
    latest_per_day: float
    ratio: float
    kept: float
    best_share: float
    grew: bool


def judge(
    history: AppHistory,
    as_of: date,
    rules: VerdictRules,
    calibration: Calibration | None = None,
    ranks: Sequence[ChartDay] = (),
) -> Verdict:
    """The verdict on an app as of a day, from what was complete and fetched by then."""
    if rules.stay_day > history.horizon:
        return _too_early(
            history,
            as_of,
            (f"Day {rules.stay_day} lies beyond horizon_days, {history.horizon}.",),
            f"A horizon_days of {rules.stay_day} or more in the sources file.",
        )
    outlook = look(history, as_of)
    users_at_7 = history.eligible(as_of, MIN_DAYS)
    if outlook.observed_days < MIN_DAYS or users_at_7 < rules.min_users:
        return _too_early(
            history,
            as_of,
            (_too_little(outlook, users_at_7, rules), *_seen(outlook), *_rank(ranks, as_of)),
            "Complete days: nothing is judged on less than a week.",
        )
    half, full = (
        forecast(outlook, day, "classic", calibration)
        for day in (rules.stay_day // 2, rules.stay_day)
    )
    arrivals = arrivals_of(history, as_of)
    stays = _probability_of_staying(half, full, rules)
    burst = _probability_of_burst(arrivals, rules)
    chances: dict[Word, float] = {
        "sticks": stays,
        "spike": (1 - stays) * burst,
        "leaky": (1 - stays) * (1 - burst),
    }
    word = max(chances, key=lambda candidate: chances[candidate])
    is_settled = full.observed_users >= rules.min_users
    reasons = _reasons(word, outlook, half, full, arrivals, rules, ranks)
    if chances[word] < rules.min_confidence and not is_settled:
        undecided = ", ".join(f"{name} {percent(chance, 0)}" for name, chance in chances.items())
        return _too_early(
            history,
            as_of,
            (f"Undecided: {undecided}.", *reasons),
            _would_change(word, full, rules),
        )
    next_on, next_step = _next(history, as_of)
    return Verdict(
        app_id=history.app_id,
        as_of=as_of,
        word=word,
        confidence=chances[word],
        reasons=reasons[:3],
        would_change=_would_change(word, full, rules),
        next_on=next_on,
        next_step=next_step,
    )


def _too_early(
    history: AppHistory, as_of: date, reasons: tuple[str, ...], would_change: str
) -> Verdict:
    next_on, next_step = _next(history, as_of)
    return Verdict(
        app_id=history.app_id,
        as_of=as_of,
        word="too_early",
        confidence=None,
        reasons=reasons[:3],
        would_change=would_change,
        next_on=next_on,
        next_step=next_step,
    )


def arrivals_of(history: AppHistory, as_of: date) -> Arrivals:
    """The shape of an app's arrivals up to a day. There is at least one cohort by then."""
    days = (as_of - history.first_date).days + 1
    per_day = np.zeros(days)
    started = history.started(as_of)
    position = (history.cohort_dates[started] - np.datetime64(history.first_date)).astype(int)
    per_day[position] = history.users[started]
    three = _means(per_day, 3)
    peak = int(np.argmax(three))
    near = three[max(0, peak - BURST_DAYS) : peak + BURST_DAYS + 1]
    # ten users a day more on both sides: between 1 and 5 a day there is no burst
    lowest = (near.min() + 10.0) if len(near) else 10.0
    before = three[max(0, peak - BURST_DAYS) : peak + 1]
    seven = _means(per_day, 7)
    fourteen = _means(per_day, BURST_DAYS)
    return Arrivals(
        days=days,
        peak_on=history.first_date + timedelta(days=int(np.argmax(per_day))),
        peak_per_day=float(per_day.max()),
        latest_per_day=float(three[-1]),
        ratio=float((three.max() + 10.0) / lowest),
        kept=float(seven[-1] / max(seven.max(), 1e-9)),
        best_share=float(fourteen.max() * min(BURST_DAYS, days) / per_day.sum()),
        grew=bool(np.argmin(near) < len(before) - 1),
    )


def _means(per_day: Floats, length: int) -> Floats:
    """The means of each ``length`` neighbouring days; of fewer where the history is shorter."""
    length = min(length, len(per_day))
    return np.convolve(per_day, np.ones(length) / length, mode="valid")


def _probability_of_staying(half: Forecast, full: Forecast, rules: VerdictRules) -> float:
    """The probability that day ``stay_day`` reaches ``stay_rate``, with the curve flat by then."""
    if full.rate is None or half.rate is None:
        return 0.5
    if full.rate <= 0:
        return 0.0
    ratio = full.rate / half.rate if half.rate > 0 else 0.0
    error = _log_error(full)
    reaches = float(t.cdf(math.log(full.rate / rules.stay_rate) / error, 5))
    # both days err together: what is left between them is the error of the slope
    slope_error = max(0.05, error / 2)
    flat = float(t.cdf(math.log(max(ratio, 1e-6) / rules.flat_ratio) / slope_error, 5))
    return min(reaches, flat)


def _log_error(told: Forecast) -> float:
    """The standard error of the log of a rate, from its interval."""
    assert told.rate is not None
    assert told.ci_low is not None
    assert told.ci_high is not None
    low = max(told.ci_low, told.rate / 50)
    return max(0.02, math.log(max(told.ci_high, told.rate * 1.02) / low) / (2 * T_95))


def _probability_of_burst(arrivals: Arrivals, rules: VerdictRules) -> float:
    """How clearly users came in a burst that made up, or still makes, the app."""
    clear = float(norm.cdf(math.log(arrivals.ratio / rules.burst_ratio) / ARRIVAL_NOISE))
    made_up = max(
        float(norm.cdf((arrivals.best_share - rules.burst_share) / 0.1)),
        float(norm.cdf((rules.faded_share - arrivals.kept) / 0.1)),
    )
    burst = clear * made_up
    # few days without a burst do not show that there is none; a burst is one however young the app
    return max(burst, 0.5 + (burst - 0.5) * min(1.0, arrivals.days / BURST_DAYS))


def _reasons(
    word: Word,
    outlook: Outlook,
    half: Forecast,
    full: Forecast,
    arrivals: Arrivals,
    rules: VerdictRules,
    ranks: Sequence[ChartDay],
) -> tuple[str, ...]:
    """The reasons, the strongest for this verdict first."""
    floor = _floor(half, full, rules)
    seen, came, rank = _seen(outlook), (_came(arrivals),), _rank(ranks, outlook.as_of)
    if word == "sticks":
        return (floor, *seen, *came, *rank)
    if word == "spike":
        return (*seen, *came, floor, *rank) if not rank else (*seen, came[0] + " " + rank[0], floor)
    return (floor, came[0], *seen, *rank)


def _floor(half: Forecast, full: Forecast, rules: VerdictRules) -> str:
    """Where the curve is heading, and how flat it is."""
    if full.rate is None or full.ci_low is None or full.ci_high is None:
        return f"Day {full.day_n} cannot be forecast: {full.reason}."
    interval = f"{percent(full.ci_low)} to {percent(full.ci_high)}"
    if full.status == "observed":
        told = f"Day {full.day_n} kept {percent(full.rate)} ({interval}) of {full.users:,} users"
    else:
        told = f"Day {full.day_n} is forecast at {percent(full.rate)} ({interval})"
        if full.observed_users >= rules.min_users:
            told += f", {full.observed_users:,} of {full.users:,} users being that old already"
    told += f"; {percent(rules.stay_rate, 0)} is what sticking takes"
    if half.rate:
        left = percent(full.rate / half.rate, 0)
        told += (
            f". Day {full.day_n} has {left} of day {half.day_n}'s users; "
            f"{percent(rules.flat_ratio, 0)} would be flat"
        )
    return told + "."


def _seen(outlook: Outlook) -> tuple[str, ...]:
    """The curve's last observed points in words."""
    points = outlook.points
    if not len(points.days):
        return ()
    last = int(points.days[-1])
    wanted = [day for day in (1, 7, 28, 60) if day <= last]
    told = []
    for day in wanted[-2:]:
        at = int(np.searchsorted(points.days, day))
        low, high = wilson(points.retained[at], points.eligible[at])
        rate = points.retained[at] / points.eligible[at]
        of = f"{points.eligible[at]:,.0f} users"
        told.append(f"day {day} kept {percent(rate)} ({100 * low:.1f}–{100 * high:.1f}) of {of}")
    text = ", ".join(told)
    return (text[0].upper() + text[1:] + ".",)


def _came(arrivals: Arrivals) -> str:
    if arrivals.ratio < 1.5 and arrivals.kept < 1 / 3:
        return f"New users came evenly and have faded to {arrivals.latest_per_day:,.0f} a day."
    if arrivals.ratio < 1.5:
        return f"New users come evenly, {arrivals.latest_per_day:,.0f} a day lately."
    moved = "rose" if arrivals.grew else "fell"
    return (
        f"New users peaked at {arrivals.peak_per_day:,.0f} on {arrivals.peak_on}, "
        f"{moved} by a factor of {arrivals.ratio:.1f} within {BURST_DAYS} days, and are at "
        f"{arrivals.latest_per_day:,.0f} a day now."
    )


def _rank(ranks: Sequence[ChartDay], as_of: date) -> tuple[str, ...]:
    """Peak and present on the chart of the peak, of what had been fetched by a day."""
    known = [r for r in ranks if r.day <= as_of]
    placed = [r for r in known if r.best_rank is not None]
    if not placed:
        return ()
    peak = min(placed, key=lambda r: (r.best_rank or 0, r.day, r.chart))
    now = max((r for r in known if r.chart == peak.chart), key=lambda r: r.day)
    place = f"{now.rank}" if now.rank is not None else f"worse than {now.depth}"
    return (f"Rank {peak.best_rank} on {peak.chart} on {peak.day}, {place} on {now.day}.",)


def percent(rate: float, decimals: int = 1) -> str:
    """A fraction in the house's words, such as ``2.1 %``."""
    return f"{100 * rate:.{decimals}f} %"


def _too_little(outlook: Outlook, users_at_7: float, rules: VerdictRules) -> str:
    return (
        f"{users_at_7:,.0f} users have {MIN_DAYS} complete days; {rules.min_users} are needed, "
        f"and a curve of {MIN_DAYS} days (there are {outlook.observed_days})."
    )


def _would_change(word: Word, full: Forecast, rules: VerdictRules) -> str:
    wanted = (
        f"day {rules.stay_day} at {percent(rules.stay_rate, 0)} or more, and a curve that flattens"
    )
    if word == "sticks":
        return (
            f"It would not stick with day {rules.stay_day} below {percent(rules.stay_rate, 0)}, "
            f"or with less than {percent(rules.flat_ratio, 0)} of day {rules.stay_day // 2} left."
        )
    if full.status == "observed":
        return f"Later cohorts that are kept better: it would stick with {wanted}."
    return f"It would stick with {wanted}."


def _next(history: AppHistory, as_of: date) -> tuple[date | None, str]:
    """When the next milestone will have been reached by enough of the users there are."""
    started = history.started(as_of)
    order = np.argsort(history.cohort_dates[started])
    users = np.cumsum(history.users[started][order])
    dates = history.cohort_dates[started][order]
    for milestone in MILESTONES:
        if history.eligible(as_of, milestone) >= SETTLED_USERS:
            continue
        enough = int(np.searchsorted(users, SETTLED_USERS))
        if enough >= len(users):
            return None, (
                f"when {SETTLED_USERS} users have come (there are {users[-1]:,.0f}) and had"
                f" {milestone} complete days"
            )
        on = (dates[enough] + milestone).item()
        return on, (
            f"when events up to {on} have landed: {SETTLED_USERS} users then have {milestone}"
            " complete days"
        )
    return None, "every milestone is complete: each publication adds younger cohorts"
