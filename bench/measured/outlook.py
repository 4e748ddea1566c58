"""Forecast and judge simulated apps, and hold it all against what is known of them.

Usage: ``python -m bench.measured.outlook APPS SEED``.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from datetime import timedelta
from statistics import fmean, median
from typing import Any

from bench.measured.clock import now, tell
from bench.simulated_apps import SimulatedApp, draw_app
from flows.outlook.backtest import Experience, Outcome, backtest
from flows.outlook.rules import VerdictRules
from flows.outlook.verdict import judge

VERDICT_AGES = (7, 14, 28, 60)

FORECAST_AGES = (14, 28, 56, 84)

RULES = VerdictRules()

CLEAR = 1.5
"""A true day 60 this many times above or below what sticking takes is no borderline case."""


def main() -> None:
    number, seed = int(sys.argv[1]), int(sys.argv[2])
    apps = [draw_app(n, seed) for n in range(number)]
    begun = now()
    outcomes = backtest([app.history for app in apps])
    tell(
        begun,
        users=int(sum(app.history.users.sum() for app in apps)),
        clear=sum(_is_clear(app) for app in apps),
        words=Counter(truth(app) for app in apps),
        forecasts=_forecasts(apps, outcomes),
        verdicts=[_verdicts(apps, outcomes, age) for age in VERDICT_AGES],
    )


def truth(app: SimulatedApp) -> str:
    """The right word, from the true curve and the way people came."""
    day_30, day_60 = float(app.curve[30]), float(app.curve[60])
    if day_60 >= RULES.stay_rate and day_60 / day_30 >= RULES.flat_ratio:
        return "sticks"
    return "spike" if app.is_surge else "leaky"


def _is_clear(app: SimulatedApp) -> bool:
    ratio = float(app.curve[60]) / RULES.stay_rate
    return ratio >= CLEAR or ratio <= 1 / CLEAR


def _verdicts(apps: list[SimulatedApp], outcomes: list[Outcome], age: int) -> dict[str, Any]:
    judged = Counter[tuple[str, str]]()
    clear = Counter[bool]()
    foreseen = []
    experience = Experience(outcomes)
    for app in sorted(apps, key=lambda app: app.history.first_date):
        as_of = app.history.first_date + timedelta(days=age)
        verdict = judge(app.history, as_of, RULES, experience.by(as_of))
        judged[truth(app), verdict.word] += 1
        if verdict.confidence is not None:
            foreseen.append(verdict.confidence)
            if _is_clear(app):
                clear[verdict.word == truth(app)] += 1
    early = sum(times for (_, word), times in judged.items() if word == "too_early")
    return {
        "age": age,
        "judged": len(apps) - early,
        "too_early": early,
        "right": sum(times for (true, word), times in judged.items() if true == word),
        "clear_judged": clear.total(),
        "clear_right": clear[True],
        "mean_confidence": round(fmean(foreseen), 3) if foreseen else None,
        "wrong": {
            f"{true}, called {word}": times
            for (true, word), times in sorted(judged.items())
            if word not in (true, "too_early")
        },
    }


def _forecasts(apps: list[SimulatedApp], outcomes: list[Outcome]) -> list[dict[str, Any]]:
    first = {app.history.app_id: app.history.first_date for app in apps}
    grouped: dict[tuple[str, int, int], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        age = (outcome.as_of - first[outcome.app_id]).days
        if age in FORECAST_AGES:
            grouped[outcome.definition, age, outcome.day_n].append(outcome)
    return [_row(*key, found) for key, found in sorted(grouped.items())]


def _row(definition: str, age: int, day_n: int, found: list[Outcome]) -> dict[str, Any]:
    errors: dict[str, list[float]] = defaultdict(list)
    for outcome in found:
        errors[outcome.method].append(100 * abs(outcome.forecast_rate - outcome.actual_rate))
    covered = [
        o.ci_low <= o.actual_rate <= o.ci_high
        for o in found
        if o.ci_low is not None and o.ci_high is not None
    ]
    return {
        "definition": definition,
        "age": age,
        "day_n": day_n,
        "forecasts": len(covered),
        "covered": round(sum(covered) / len(covered), 3),
        "mean_error": {method: round(fmean(values), 3) for method, values in errors.items()},
        "median_error": {method: round(median(values), 3) for method, values in errors.items()},
    }


if __name__ == "__main__":
    main()
