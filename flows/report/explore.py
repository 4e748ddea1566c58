"""Lets a reader choose definition, period and users of the retention curve: chart, data and table.

What the page shows before anybody chooses is made here; `explore.js` does the same afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from flows.outlook.wilson import wilson
from flows.report import charts, wording
from flows.report.charts import Style
from flows.report.drawing import plot
from flows.report.rendering import Figure
from flows.report.slices import ALL, Slice

DEFINITIONS = {
    "classic": "Classic: active in that period",
    "unbounded": "Unbounded: in that period or later",
    "bracket": "Bracket: at least once in a range",
    "window_24h": "24-hour windows from the user's own start",
}
NAMES = {
    "classic": "Classic",
    "unbounded": "Unbounded",
    "bracket": "Bracket",
    "window_24h": "24-hour window",
}
PERIODS = ("day", "week", "month")
SEGMENTS = {
    "platform": "Platform",
    "country": "Country",
    "channel": "Channel",
    "app_version": "App version",
}
FIGURE = "explore"
_SUMMED_UP = (1, 7, 30, 60)
_EARLY = 7


@dataclass(frozen=True)
class Point:
    """One point of a curve; rates are fractions."""

    first: int
    last: int
    eligible: int
    retained: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Explorer:
    """The choices, the curve that is shown first, and the counts behind every other one.

    `rows` has a row per period and a cell per app of `names`: rate, interval and counts in words.
    """

    figure: Figure
    names: list[str]
    rows: list[tuple[str, list[tuple[str, str, str] | None]]]
    summary: list[str]
    definitions: list[tuple[str, str]]
    periods: tuple[str, ...]
    segments: list[tuple[str, list[tuple[str, str]]]]
    data: dict[str, Any]


def explorer(
    slices: Sequence[Slice], look: Mapping[str, Style], *, by_segment: bool
) -> Explorer | None:
    """The explorer of the apps in ``slices``, in the order of ``look``; None without a point.

    With ``by_segment`` (one app) the users can be chosen, too.
    """
    apps = [app_id for app_id in look if any(s.app_id == app_id for s in slices)]
    shown = {
        app_id: s
        for app_id in apps
        for s in slices
        if (s.app_id, s.segment, s.period, s.definition) == (app_id, ALL, "day", "classic")
    }
    curves = {app_id: points(s) for app_id, s in shown.items() if points(s)}
    if not curves:
        return None
    used = [s for s in slices if by_segment or s.segment == ALL]
    definitions = [(key, name) for key, name in DEFINITIONS.items() if _has(used, key)]
    return Explorer(
        figure=_figure(curves, look),
        names=[look[app_id].name for app_id in curves],
        rows=_rows(list(curves.values())),
        summary=[
            summary(look[app_id].name, curve, "day", shown[app_id].lasts[-1])
            for app_id, curve in curves.items()
        ],
        definitions=definitions,
        periods=PERIODS,
        segments=_choices(used),
        data={
            "lines": [
                {
                    **charts.styled(look[app_id]),
                    "curves": {
                        f"{s.segment}:{s.value}|{s.period}|{s.definition}": _packed(s)
                        for s in used
                        if s.app_id == app_id
                    },
                }
                for app_id in curves
            ],
            "names": NAMES,
        },
    )


def points(of: Slice) -> list[Point]:
    """The complete points after period 0, which is everybody by definition."""
    return [
        Point(first, last, eligible, retained, retained / eligible, *wilson(retained, eligible))
        for first, last, eligible, retained in zip(
            of.firsts, of.lasts, of.eligible, of.retained, strict=True
        )
        if last > 0 and eligible and retained is not None
    ]


def summary(name: str, curve: Sequence[Point], period: str, until: int) -> str:
    """The first, the well-known and the last complete point of one curve, in words.

    ``until`` is the last period that is asked for, the horizon.
    """
    told = [p for p in curve if p.first in _SUMMED_UP or p in (curve[0], curve[-1])]
    shares = [
        f"{period} {at(p)} {wording.percent(p.rate)} ({wording.interval(p.low, p.high)})"
        for p in told
    ]
    said = f"{name}: {', '.join(shares)}."
    if curve[-1].last >= until:
        return said
    return f"{said} After {period} {curve[-1].last} nothing is observed yet; it is not zero."


def at(point: Point) -> str:
    """ "7", or "4–7" of a bracket."""
    return f"{point.first}" if point.first == point.last else f"{point.first}–{point.last}"


def _has(slices: Sequence[Slice], definition: str) -> bool:
    return any(s.definition == definition and points(s) for s in slices)


def _choices(slices: Sequence[Slice]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The users that can be chosen: per segment its values, each with its key in the data."""
    values: dict[str, dict[str, str]] = {}
    for s in slices:
        if s.segment != ALL:
            values.setdefault(s.segment, {})[f"{s.segment}:{s.value}"] = s.value
    return [(SEGMENTS[name], list(of.items())) for name, of in values.items()]


def _packed(s: Slice) -> dict[str, int | list[int]]:
    """The counts of the complete points as parallel lists; `last` where it is not `first`."""
    complete = points(s)
    packed: dict[str, int | list[int]] = {
        "first": [p.first for p in complete],
        "eligible": [p.eligible for p in complete],
        "retained": [p.retained for p in complete],
        "until": s.lasts[-1],
    }
    if s.firsts != s.lasts:
        packed["last"] = [p.last for p in complete]
    return packed


def _rows(
    curves: Sequence[Sequence[Point]],
) -> list[tuple[str, list[tuple[str, str, str] | None]]]:
    by_n = [{(p.first, p.last): p for p in curve} for curve in curves]
    keys = sorted({key for curve in by_n for key in curve})
    return [
        (at(next(curve[key] for curve in by_n if key in curve)), [_cell(c.get(key)) for c in by_n])
        for key in keys
    ]


def _cell(point: Point | None) -> tuple[str, str, str] | None:
    if point is None:
        return None
    return (
        wording.percent(point.rate),
        wording.interval(point.low, point.high),
        f"{wording.count(point.retained)} of {wording.count(point.eligible)}",
    )


def _figure(curves: Mapping[str, Sequence[Point]], look: Mapping[str, Style]) -> Figure:
    rows = [
        {
            **charts.styled(look[app_id]),
            "x": (p.first + p.last) / 2,
            "at": f"day {at(p)}",
            "rate": round(p.rate, 5),
            "low": round(p.low, 5),
            "high": round(p.high, 5),
            "eligible": p.eligible,
            "retained": p.retained,
        }
        for app_id, curve in curves.items()
        for p in curve
    ]
    top = max(
        max(p.rate for curve in curves.values() for p in curve),
        max(p.high for curve in curves.values() for p in curve[:_EARLY]),
    )
    return Figure(
        id=FIGURE,
        title="Choose definition, period and users" if len(curves) == 1 else "Compare as you like",
        label="The chosen retention curve with its 95 % band; the table below has its numbers.",
        captions=[],
        plot=plot(_chart, rows, min(1.0, top * 1.05)),
    )


def _chart(rows: Sequence[Mapping[str, Any]], top: float) -> alt.LayerChart:
    x = alt.X(
        "x:Q",
        title="days since the first day",
        scale=alt.Scale(nice=False, zero=False),
        axis=alt.Axis(format="d", tickMinStep=1),
    )
    y = alt.Y(
        "rate:Q",
        title=None,
        scale=alt.Scale(domain=[0, top], nice=True),
        axis=alt.Axis(format="~%", tickCount=6),
    )
    base = alt.Chart()
    band = base.mark_area(opacity=0.18, clip=True).encode(
        x=x,
        y=alt.Y("low:Q", title=None),
        y2=alt.Y2("high:Q"),
        color=charts.app_colour(),
        detail=alt.Detail("app:N"),
    )
    line = base.mark_line(strokeWidth=1.75, strokeJoin="round").encode(
        x=x,
        y=y,
        color=charts.app_colour(),
        strokeDash=charts.app_dash(),
        detail=alt.Detail("app:N"),
    )
    # Dots are seen where there are few of them, and are what the pointer finds.
    dots = base.mark_circle(size=26, opacity=1).encode(
        x=x,
        y=y,
        color=charts.app_colour(),
        tooltip=[
            alt.Tooltip("app:N", title="users of"),
            alt.Tooltip("at:N", title="on"),
            alt.Tooltip("rate:Q", title="rate", format=".2%"),
            alt.Tooltip("low:Q", title="95 % from", format=".2%"),
            alt.Tooltip("high:Q", title="95 % to", format=".2%"),
            alt.Tooltip("retained:Q", title="retained", format=","),
            alt.Tooltip("eligible:Q", title="eligible users", format=","),
        ],
    )
    chosen = alt.InlineData(name="chosen", values=[dict(row) for row in rows])
    return alt.layer(band, line, dots, data=chosen).properties(width="container", height=280)
