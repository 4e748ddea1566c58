"""Write docs/forecast-accuracy.md from the measured forecasts and verdicts of simulated apps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.page.words import table
from bench.place import Place
from bench.results import Group

NAIVE = {"last_value": "last value", "other_apps": "other apps"}


def write_outlook_page(place: Place, group: Group) -> Path:
    """Write the page beside that of the benchmarks."""
    (measured,) = group.measurements
    path = place.page.with_name("forecast-accuracy.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_page(place, group, measured.rows or 0, measured.details), encoding="utf-8")
    return path


def _page(place: Place, group: Group, apps: int, told: dict[str, Any]) -> str:
    scale = "" if place.scale == 1 else f"\n\n**A trial at scale {place.scale:g}: no result.**"
    words = ", ".join(f"{times} {word}" for word, times in sorted(told["words"].items()))
    return f"""\
# How good forecasts and verdicts are

Written by `make bench`; do not edit. Measured {group.measured_at:%Y-%m-%d}.{scale}

{apps} simulated apps with {told["users"]:,} users (bench/simulated_apps.py, a fixed seed that was
not used while the constants were set). Users live for a while, by one of four distributions, none
of them the forecaster's own; while they live they come on a day with a chance of their own;
weekdays differ, cohorts differ, and the level drifts over the history. People come steadily, in a
burst (from the first day, or after an invite-only start), in slow growth or in campaigns. The right
words are {words}.

## Verdicts

By the age of the app in complete days. *Clear* are the {told["clear"]} apps whose true day 60 is at
least half above or a third below the 10 % that sticking takes. *Confidence* is the mean of what the
verdicts said of themselves.

{table(*_verdicts(told["verdicts"]))}

Wrong ones: {_wrong(told["verdicts"])}.

## Forecasts

What the users who had come by that age would have kept by day n, against what they did keep. Errors
are percentage points, mean over the apps (median in brackets). *Last value* lets the rate that was
observed last go on; *other apps* takes the mean rate of all other apps, of their whole history.
*Covered*: how often the 95 % interval held what came.

{table(*_forecasts(told["forecasts"]))}
"""


def _verdicts(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    header = ["age", "too early", "judged", "right", "of clear ones, right", "confidence"]
    return header, [
        [
            str(row["age"]),
            str(row["too_early"]),
            str(row["judged"]),
            _share(row["right"], row["judged"]),
            _share(row["clear_right"], row["clear_judged"]),
            "–" if row["mean_confidence"] is None else f"{100 * row['mean_confidence']:.0f} %",
        ]
        for row in rows
    ]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "–"


def _wrong(rows: list[dict[str, Any]]) -> str:
    found = [
        f"{times} at {row['age']} days ({what})"
        for row in rows
        for what, times in row["wrong"].items()
    ]
    return "; ".join(found) or "none"


def _forecasts(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    header = ["definition", "age", "day n", "apps", "forecast", *NAIVE.values(), "covered"]
    return header, [
        [
            row["definition"],
            str(row["age"]),
            str(row["day_n"]),
            str(row["forecasts"]),
            *(
                f"{row['mean_error'][method]:.2f} ({row['median_error'][method]:.2f})"
                for method in ("blend", *NAIVE)
            ),
            f"{100 * row['covered']:.0f} %",
        ]
        for row in rows
    ]
