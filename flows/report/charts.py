"""Turns rows of the marts into Vega-Lite charts; pure functions, no I/O.

Colours are CSS variables of the page (`var(--app-0)`), so that light, dark and print need no second
set of charts; the hatch that means "not observed" is an SVG pattern of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import altair as alt

from flows.report.queries import ChartSpan, CohortRow, Curve, GrowthPeriod, RankSeries
from flows.report.wording import cohort_label

HATCH = "url(#not-observed)"
PALETTE_SIZE = 10
QUICK_RATIO_CEILING = 5
# Below 1 the exponent spreads the low rates, where apps that lose their users differ.
HEAT_EXPONENT = 0.4
HEAT_FLOOR = 0.05
MILESTONE_TICKS = (1, 7, 14, 30, 60, 90, 120, 180, 270, 365)
# In milliseconds, as time scales count.
DAY = 86_400_000
RANK_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)

CONFIG: dict[str, Any] = {
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "gridColor": "var(--rule)",
        "domainColor": "var(--rule-strong)",
        "tickColor": "var(--rule-strong)",
    },
    "axisX": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 8, "labelFlush": False},
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6, "minExtent": 32},
    "text": {"color": "var(--muted)", "fontSize": 11},
}


@dataclass(frozen=True)
class Style:
    """How one app looks in every chart: its name, its CSS colour, and a dashed or solid line."""

    name: str
    colour: str
    dashed: bool


def styles(apps: Sequence[tuple[str, str]]) -> dict[str, Style]:
    """A style per (app_id, name); the palette comes round again dashed after ten apps."""
    return {
        app_id: Style(name, f"var(--app-{i % PALETTE_SIZE})", i // PALETTE_SIZE % 2 == 1)
        for i, (app_id, name) in enumerate(apps)
    }


def inline_data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """Rows as they are in the chart itself."""
    # a tuple: Altair copies a list with all that is in it, each time that a chart is changed
    return alt.InlineData(values=tuple(dict(row) for row in rows))


def app_colour() -> alt.Color:
    """The colour of a row's app, as `styled` gave it."""
    return alt.Color("colour:N", scale=None, legend=None)


def app_dash() -> alt.StrokeDash:
    """Solid or dashed, as `styled` gave it."""
    return alt.StrokeDash(
        "dash:N", scale=alt.Scale(domain=["solid", "dashed"], range=[[1, 0], [5, 3]]), legend=None
    )


def styled(style: Style) -> dict[str, str]:
    """The part of a row that says how its app looks."""
    return {
        "app": style.name,
        "colour": style.colour,
        "dash": "dashed" if style.dashed else "solid",
    }


def time_axis(field: str) -> alt.X:
    """A time axis in UTC, without days beyond the data."""
    return alt.X(
        f"{field}:T",
        title=None,
        scale=alt.Scale(type="utc", nice=False),
        axis=alt.Axis(format="%-d %b", tickCount=6, tickMinStep=DAY),
    )


def stretch_time(start: date, end: date) -> alt.Chart:
    """An invisible layer that stretches the time axis over the days from start until before end."""
    return (
        alt.Chart(inline_data([{"day": start.isoformat()}, {"day": end.isoformat()}]))
        .transform_calculate(t="toDate(datum.day + 'T00:00:00Z')")
        .mark_rule(opacity=0, tooltip=None)
        .encode(x=time_axis("t"))
    )


def retention_curves(
    curves: Sequence[Curve], look: Mapping[str, Style], last_day: int, top: float
) -> alt.LayerChart:
    """One line with its 95 % band per app; `last_day` and `top` make two charts comparable."""
    rows = [
        {
            **styled(look[curve.app_id]),
            "single": len(curve.days) == 1,
            "day": curve.days,
            "rate": curve.rates,
            "low": curve.ci_lows,
            "high": curve.ci_highs,
            "users": curve.eligible_users,
            "cohorts": curve.cohorts,
        }
        for curve in curves
    ]
    ticks = [n for n in MILESTONE_TICKS if n <= last_day] if last_day >= 7 else [*range(1, 7)]
    x = alt.X(
        "day:Q",
        title="days since the first day",
        scale=alt.Scale(domain=[1, max(last_day, 2)], nice=False),
        axis=alt.Axis(values=ticks, format="d"),
    )
    y = alt.Y(
        "rate:Q",
        title=None,
        scale=alt.Scale(domain=[0, top], nice=True),
        axis=alt.Axis(format="~%", tickCount=6),
    )
    base = alt.Chart(inline_data(rows)).transform_flatten(
        ["day", "rate", "low", "high", "users", "cohorts"]
    )
    band = base.mark_area(opacity=0.18, clip=True).encode(
        x=x,
        y=alt.Y("low:Q", title=None),
        y2=alt.Y2("high:Q"),
        color=app_colour(),
        detail=alt.Detail("app:N"),
    )
    line = base.mark_line(strokeWidth=1.75, strokeJoin="round").encode(
        x=x, y=y, color=app_colour(), strokeDash=app_dash(), detail=alt.Detail("app:N")
    )
    hover = base.mark_circle(size=70, opacity=0).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("app:N", title="app"),
            alt.Tooltip("day:Q", title="day", format="d"),
            alt.Tooltip("rate:Q", title="rate", format=".2%"),
            alt.Tooltip("low:Q", title="95 % from", format=".2%"),
            alt.Tooltip("high:Q", title="95 % to", format=".2%"),
            alt.Tooltip("users:Q", title="eligible users", format=","),
            alt.Tooltip("cohorts:Q", title="cohorts", format=","),
        ],
    )
    # A curve of a single complete day is a point, which a line would not show.
    lone = (
        base.transform_filter("datum.single")
        .mark_circle(size=30, opacity=1)
        .encode(x=x, y=y, color=app_colour())
    )
    return alt.layer(band, line, lone, hover).properties(width="container", height=260)


def cohort_triangle(rows: Sequence[CohortRow], top: float) -> alt.LayerChart:
    """The cohorts of one app (down) by day_n (across); the stronger, the more came back.

    `top` is the rate drawn at full strength, the same for every app. Day 0 lies beyond it by
    definition. Cells that cannot be observed yet are hatched.
    """
    horizon = max(row.days[-1] for row in rows)
    labels = [cohort_label(row) for row in rows]
    # Whole pixels, one of them the gap between rows.
    step = max(6, min(18, 300 // len(rows)))
    y = alt.Y(
        "cohort:O",
        title=None,
        sort=labels,
        scale=alt.Scale(paddingInner=1 / step, paddingOuter=0),
        axis=alt.Axis(labelOverlap=True, domain=False, ticks=False, minExtent=64),
    )
    x = alt.X(
        "from:Q",
        title="days since the first day",
        scale=alt.Scale(domain=[-0.5, horizon + 0.5], nice=False, zero=False),
        axis=alt.Axis(
            values=[0, *(n for n in MILESTONE_TICKS if 1 < n <= horizon)],
            format="d",
            domain=False,
        ),
    )
    observed = (
        alt.Chart(
            inline_data(
                [
                    {
                        "cohort": label,
                        "users": row.cohort_users,
                        "day": row.days,
                        "rate": row.rates,
                    }
                    for row, label in zip(rows, labels, strict=True)
                ]
            )
        )
        .transform_flatten(["day", "rate"])
        .transform_filter("datum.rate !== null")
        .transform_calculate(**{"from": "datum.day - 0.5", "to": "datum.day + 0.5"})
        .mark_rect(color="var(--heat)")
        .encode(
            x=x,
            x2=alt.X2("to:Q"),
            y=y,
            opacity=alt.Opacity(
                "rate:Q",
                scale=alt.Scale(
                    type="pow",
                    exponent=HEAT_EXPONENT,
                    domain=[0, top],
                    range=[HEAT_FLOOR, 1],
                    clamp=True,
                    nice=False,
                ),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("cohort:N", title="started"),
                alt.Tooltip("users:Q", title="users", format=","),
                alt.Tooltip("day:Q", title="day", format="d"),
                alt.Tooltip("rate:Q", title="active", format=".2%"),
            ],
        )
    )
    unobserved = (
        alt.Chart(
            inline_data(
                [
                    {
                        "cohort": label,
                        "from": row.unobserved_from - 0.5,
                        "to": horizon + 0.5,
                        "first": row.unobserved_from,
                        "completes": row.completes_on.isoformat() if row.completes_on else None,
                    }
                    for row, label in zip(rows, labels, strict=True)
                    if row.unobserved_from is not None
                ]
            )
        )
        .mark_rect(fill=HATCH)
        .encode(
            x=x,
            x2=alt.X2("to:Q"),
            y=y,
            tooltip=[
                alt.Tooltip("cohort:N", title="started"),
                alt.Tooltip("first:Q", title="not observed from day", format="d"),
                alt.Tooltip("completes:N", title="that day needs events to"),
            ],
        )
    )
    height = step * len(rows) - 1
    return alt.layer(unobserved, observed).properties(width="container", height=height)


def rank_history(
    span: ChartSpan, series: Sequence[RankSeries], look: Mapping[str, Style]
) -> alt.LayerChart:
    """Daily ranks on one chart, rank 1 on top, log scale; a strip below the chart's depth.

    A line breaks where the app was off the chart or the chart was not fetched; the days not
    fetched are hatched over the whole height.
    """
    # In log space, so that every lane of the strip below the chart is equally high.
    lanes = [s.app_id for s in series if s.off_days]
    floor = span.depth * 1.12
    bottom = floor * 1.13 ** (len(lanes) + 1)
    x = time_axis("t")
    y = alt.Y(
        "rank:Q",
        title="rank",
        scale=alt.Scale(type="log", domain=[0.9, bottom], reverse=True, nice=False),
        axis=alt.Axis(values=[n for n in RANK_TICKS if n <= span.depth], format="d"),
    )
    to_time = {"t": "toDate(datum.day + 'T12:00:00Z')"}
    strip = (
        alt.Chart(inline_data([{"rank": floor, "to": bottom}]))
        .mark_rect(fill="var(--rule)", opacity=0.55)
        .encode(y=y, y2=alt.Y2("to:Q"))
    )
    strip_label = (
        alt.Chart(inline_data([{"rank": floor, "text": f"worse than {span.depth}"}]))
        .mark_text(align="left", baseline="top", dx=4, dy=3, x=0)
        .encode(y=y, text=alt.Text("text:N"))
    )
    gaps = (
        alt.Chart(
            inline_data(
                [
                    {"from": start.isoformat(), "to": (end + timedelta(days=1)).isoformat()}
                    for start, end in span.gaps
                ]
            )
        )
        .transform_calculate(
            t="toDate(datum.from + 'T00:00:00Z')", t2="toDate(datum.to + 'T00:00:00Z')"
        )
        .mark_rect(fill=HATCH)
        .encode(
            x=x,
            x2=alt.X2("t2:T"),
            tooltip=[
                alt.Tooltip("from:N", title="not fetched from"),
                alt.Tooltip("to:N", title="until before"),
            ],
        )
    )
    ranked = (
        alt.Chart(
            inline_data(
                [
                    {
                        **styled(look[s.app_id]),
                        "day": [d.isoformat() for d in s.ranked_days],
                        "rank": s.ranks,
                    }
                    for s in series
                ]
            )
        )
        .transform_flatten(["day", "rank"])
        .transform_calculate(**to_time)
    )
    line = ranked.mark_line(strokeWidth=1.5, strokeJoin="round").encode(
        x=x, y=y, color=app_colour(), strokeDash=app_dash(), detail=alt.Detail("app:N")
    )
    points = (
        ranked.transform_filter("datum.rank !== null")
        .mark_circle(size=16, opacity=1)
        .encode(
            x=x,
            y=y,
            color=app_colour(),
            tooltip=[
                alt.Tooltip("app:N", title="app"),
                alt.Tooltip("day:N", title="day"),
                alt.Tooltip("rank:Q", title="rank", format="d"),
            ],
        )
    )
    off = (
        alt.Chart(
            inline_data(
                [
                    {
                        **styled(look[s.app_id]),
                        "day": [d.isoformat() for d in s.off_days],
                        "depth": s.off_depths,
                        "rank": floor * 1.13 ** (lanes.index(s.app_id) + 1),
                    }
                    for s in series
                    if s.off_days
                ]
            )
        )
        .transform_flatten(["day", "depth"])
        .transform_calculate(**to_time)
        .mark_point(shape="triangle-down", size=16, filled=True, opacity=1)
        .encode(
            x=x,
            y=y,
            color=app_colour(),
            tooltip=[
                alt.Tooltip("app:N", title="app"),
                alt.Tooltip("day:N", title="day"),
                alt.Tooltip("depth:Q", title="off the chart: worse than", format="d"),
            ],
        )
    )
    reach = stretch_time(span.first_day, span.last_day + timedelta(days=1))
    layers = [reach, strip, *([gaps] if span.gaps else []), line, points, *([off] if lanes else [])]
    return alt.layer(*layers, strip_label).properties(width="container", height=300)


def _growth_data(periods: Sequence[GrowthPeriod]) -> alt.Chart:
    return alt.Chart(
        inline_data(
            [
                {
                    "start": p.period_start.isoformat(),
                    "end": p.period_end.isoformat(),
                    "active": p.active,
                    "new": p.new,
                    "retained": p.retained,
                    "resurrected": p.resurrected,
                    "gained": p.new + p.resurrected,
                    "churned": p.churned,
                    "lost": -p.churned,
                    "zero": 0,
                    "ratio": p.quick_ratio,
                }
                for p in periods
            ]
        )
    ).transform_calculate(
        t="toDate(datum.start + 'T00:00:00Z')", t2="toDate(datum.end + 'T00:00:00Z')"
    )


def growth_accounting(periods: Sequence[GrowthPeriod]) -> alt.LayerChart:
    """New and resurrected users above the line, churned below, one bar per period of one app."""
    base = _growth_data(periods)
    tooltip = [
        alt.Tooltip("start:N", title=f"{periods[0].period} of"),
        alt.Tooltip("active:Q", format=","),
        alt.Tooltip("retained:Q", format=","),
        alt.Tooltip("new:Q", format=","),
        alt.Tooltip("resurrected:Q", format=","),
        alt.Tooltip("churned:Q", format=","),
        alt.Tooltip("ratio:Q", title="quick ratio", format=".2f"),
    ]

    def bars(low: str, high: str, colour: str) -> alt.Chart:
        return base.mark_rect(fill=colour, stroke="var(--paper)", strokeWidth=1).encode(
            x=time_axis("t"),
            x2=alt.X2("t2:T"),
            y=alt.Y(
                f"{low}:Q",
                title=None,
                axis=alt.Axis(tickCount=5, labelExpr="format(abs(datum.value), ',')"),
            ),
            y2=alt.Y2(f"{high}:Q"),
            tooltip=tooltip,
        )

    line = (
        alt.Chart(inline_data([{"zero": 0}]))
        .mark_rule(color="var(--rule-strong)")
        .encode(y=alt.Y("zero:Q"))
    )
    return alt.layer(
        bars("zero", "new", "var(--gain)"),
        bars("new", "gained", "var(--gain-soft)"),
        bars("zero", "lost", "var(--loss)"),
        line,
    ).properties(width="container", height=190)


def quick_ratio(periods: Sequence[GrowthPeriod]) -> alt.LayerChart:
    """(new + resurrected) / churned per period of one app, against the line of 1; cut at 5."""
    shown = [p.quick_ratio for p in periods if p.quick_ratio is not None]
    top = max(2.0, min(float(QUICK_RATIO_CEILING), max(shown, default=2.0)))
    base = _growth_data(periods).transform_calculate(
        middle="toDate((+datum.t + +datum.t2) / 2)",
        clipped=f"datum.ratio === null ? null : min(datum.ratio, {QUICK_RATIO_CEILING})",
    )
    x = time_axis("middle")
    reach = stretch_time(periods[0].period_start, periods[-1].period_end)
    y = alt.Y(
        "clipped:Q",
        title=None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(tickCount=4, format="~g"),
    )
    even = (
        alt.Chart(inline_data([{"clipped": 1}]))
        .mark_rule(color="var(--ink)", strokeDash=[3, 3], opacity=0.6)
        .encode(y=y)
    )
    line = base.mark_line(color="var(--ink)", strokeWidth=1.5).encode(x=x, y=y)
    points = (
        base.transform_filter("datum.ratio !== null")
        .mark_circle(size=28, color="var(--ink)", opacity=1)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("start:N", title=f"{periods[0].period} of"),
                alt.Tooltip("ratio:Q", title="quick ratio", format=".2f"),
            ],
        )
    )
    return alt.layer(reach, even, line, points).properties(width="container", height=110)


def specification(chart: alt.LayerChart) -> dict[str, Any]:
    """The Vega-Lite JSON of a chart, without Altair's default theme (the page has its own)."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec.pop("config", None)
    return spec


def heat_opacity(rate: float, top: float) -> float:
    """The opacity with which `cohort_triangle` draws a rate, for the legend beside it."""
    strength: float = (min(rate, top) / top) ** HEAT_EXPONENT
    return round(HEAT_FLOOR + (1 - HEAT_FLOOR) * strength, 3)
