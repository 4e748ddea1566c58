"""Turns what is known of one app into Vega-Lite charts; pure functions, no I/O.

Colours and hatches are the page's, as in `charts`, whose charts these continue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import altair as alt

from flows.report import charts
from flows.report.app_story import (
    Behaviour,
    CohortWeek,
    ForecastCurve,
    GrowthDay,
    Note,
    ReviewWeek,
    Theme,
)
from flows.report.app_wording import behaviour_name, theme_name
from flows.report.charts import Style
from flows.report.queries import Curve

NOTE_LANES = 3
LANE_HEIGHT = 14
NOTE_WIDTH = 150
STORE_DASHES = ((1, 0), (5, 3), (2, 2))


def curve_with_forecast(
    curve: Curve | None,
    forecast: ForecastCurve | None,
    look: Mapping[str, Style],
    last_day: int,
    top: float,
) -> alt.LayerChart:
    """Observed retention with its band; after its last day the forecast, dashed, with its own."""
    layers: list[Any] = []
    if curve is not None:
        layers.append(charts.retention_curves([curve], look, last_day, top))
    if forecast is not None:
        layers += _forecast_layers(forecast, look[forecast.app_id], last_day, top)
    return alt.layer(*layers).properties(width="container", height=300)


def _forecast_layers(
    forecast: ForecastCurve, style: Style, last_day: int, top: float
) -> list[alt.Chart]:
    rows = [
        {"day": day, "rate": rate, "low": low, "high": high, "colour": style.colour}
        for day, rate, low, high in zip(
            forecast.days, forecast.rates, forecast.ci_lows, forecast.ci_highs, strict=True
        )
    ]
    x = alt.X(
        "day:Q",
        scale=alt.Scale(domain=[1, max(last_day, 2)], nice=False),
        title="days since the first day",
    )
    y = alt.Y("rate:Q", title=None, scale=alt.Scale(domain=[0, top], nice=True))
    # The dashed line begins where the observed one ends, so that the eye can follow.
    joint: list[dict[str, Any]] = []
    if forecast.last_observed_day is not None and forecast.last_observed_rate is not None:
        joint = [
            {
                "day": forecast.last_observed_day,
                "rate": forecast.last_observed_rate,
                "colour": style.colour,
            }
        ]
    colour = alt.Color("colour:N", scale=None, legend=None)
    ground = (
        alt.Chart(
            charts.inline_data([{"from": forecast.last_observed_day or 1, "to": forecast.days[-1]}])
        )
        .mark_rect(fill="var(--panel)", tooltip=None)
        .encode(x=alt.X("from:Q"), x2=alt.X2("to:Q"))
    )
    band = (
        alt.Chart(charts.inline_data(rows))
        .transform_filter("datum.low !== null && datum.high !== null")
        .mark_area(opacity=0.14, clip=True)
        .encode(x=x, y=alt.Y("low:Q", title=None), y2=alt.Y2("high:Q"), color=colour)
    )
    line = (
        alt.Chart(charts.inline_data([*joint, *rows]))
        .mark_line(strokeWidth=1.75, strokeDash=[5, 4], clip=True)
        .encode(x=x, y=y, color=colour)
    )
    hover = (
        alt.Chart(charts.inline_data(rows))
        .mark_circle(size=60, opacity=0)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("day:Q", title="forecast for day", format="d"),
                alt.Tooltip("rate:Q", title="forecast", format=".2%"),
                alt.Tooltip("low:Q", title="95 % from", format=".2%"),
                alt.Tooltip("high:Q", title="95 % to", format=".2%"),
            ],
        )
    )
    middle = forecast.days[len(forecast.days) // 2]
    label = (
        alt.Chart(charts.inline_data([{"day": middle, "text": "forecast"}]))
        .mark_text(y=10, baseline="middle", fontStyle="italic")
        .encode(x=x, text=alt.Text("text:N"))
    )
    return [ground, band, line, hover, label]


def with_notes(
    chart: alt.LayerChart, notes: Sequence[Note], first_day: date, last_day: date, *, labels: bool
) -> alt.LayerChart:
    """The chart with a rule at each note within its days, and their titles above it."""
    shown = notes_within(notes, first_day, last_day)
    if not shown:
        return chart
    span = max((last_day - first_day).days, 1)
    rows = [
        {
            "day": note.note_date.isoformat(),
            "title": note.title,
            "kind": note.kind,
            "late": (note.note_date - first_day).days > 0.6 * span,
        }
        for note in shown
    ]
    x = charts.time_axis("t")
    base = alt.Chart(charts.inline_data(rows)).transform_calculate(
        t="toDate(datum.day + 'T12:00:00Z')"
    )
    rules = base.mark_rule(color="var(--muted)", strokeDash=[2, 2], opacity=0.9).encode(
        x=x,
        tooltip=[
            alt.Tooltip("day:N", title="on"),
            alt.Tooltip("title:N", title="note"),
            alt.Tooltip("kind:N", title="kind"),
        ],
    )
    layers: list[Any] = [chart, rules]
    if labels:
        lanes = min(NOTE_LANES, len(shown))
        for lane in range(lanes):
            for late in (False, True):
                part = [
                    row for i, row in enumerate(rows) if i % lanes == lane and row["late"] is late
                ]
                if not part:
                    continue
                layers.append(
                    alt.Chart(charts.inline_data(part))
                    .transform_calculate(t="toDate(datum.day + 'T12:00:00Z')")
                    .mark_text(
                        align="right" if late else "left",
                        baseline="bottom",
                        dx=2 if late else -2,
                        y=-3 - LANE_HEIGHT * lane,
                        limit=NOTE_WIDTH,
                    )
                    .encode(x=x, text=alt.Text("title:N"))
                )
    return alt.layer(*layers)


def notes_within(notes: Sequence[Note], first_day: date, last_day: date) -> list[Note]:
    """The notes that fall on the days of a chart."""
    return [note for note in notes if first_day <= note.note_date <= last_day]


def _days(rows: Sequence[GrowthDay]) -> alt.Chart:
    return alt.Chart(
        charts.inline_data(
            [
                {
                    "start": row.activity_date.isoformat(),
                    "end": (row.activity_date + timedelta(days=1)).isoformat(),
                    "n": row.launch_day_n,
                    "new": row.new_users,
                    "users": row.cumulative_users,
                    "downloads": row.cumulative_downloads,
                    "share": row.new_user_share,
                    "zero": 0,
                }
                for row in rows
            ]
        )
    ).transform_calculate(
        t="toDate(datum.start + 'T00:00:00Z')",
        t2="toDate(datum.end + 'T00:00:00Z')",
        middle="toDate(datum.start + 'T12:00:00Z')",
    )


def new_users(rows: Sequence[GrowthDay]) -> alt.LayerChart:
    """New users per day as bars; days on which they arrive and none stay are hatched behind."""
    tooltip = [
        alt.Tooltip("start:N", title="day"),
        alt.Tooltip("n:Q", title="day after launch", format="d"),
        alt.Tooltip("new:Q", title="new users", format=","),
    ]
    bars = (
        _days(rows)
        .transform_filter("datum.new !== null")
        .mark_rect(fill="var(--gain)")
        .encode(
            x=charts.time_axis("t"),
            x2=alt.X2("t2:T"),
            y=alt.Y("zero:Q", title=None, axis=alt.Axis(tickCount=4, format=",d", tickMinStep=1)),
            y2=alt.Y2("new:Q"),
            tooltip=tooltip,
        )
    )
    reach = charts.stretch_time(rows[0].activity_date, rows[-1].activity_date + timedelta(days=1))
    return alt.layer(reach, *_flagged(rows), bars).properties(width="container", height=170)


def _flagged(rows: Sequence[GrowthDay]) -> list[alt.Chart]:
    """The runs of days on which new users arrive and none stay, hatched over the whole height."""
    runs: list[tuple[date, date]] = []
    for row in rows:
        if not row.arrives_but_leaves:
            continue
        end = row.activity_date + timedelta(days=1)
        if runs and runs[-1][1] == row.activity_date:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((row.activity_date, end))
    if not runs:
        return []
    return [
        alt.Chart(
            charts.inline_data(
                [{"from": start.isoformat(), "to": end.isoformat()} for start, end in runs]
            )
        )
        .transform_calculate(
            t="toDate(datum.from + 'T00:00:00Z')", t2="toDate(datum.to + 'T00:00:00Z')"
        )
        .mark_rect(fill="url(#flagged)")
        .encode(
            x=charts.time_axis("t"),
            x2=alt.X2("t2:T"),
            tooltip=[
                alt.Tooltip("from:N", title="arrive, none stay, from"),
                alt.Tooltip("to:N", title="until before"),
            ],
        )
    ]


def cumulative_users(rows: Sequence[GrowthDay], style: Style) -> alt.LayerChart:
    """Users so far, and downloads so far (dashed) where the stores report them."""
    x = charts.time_axis("middle")
    base = _days(rows)
    y_axis = alt.Axis(
        tickCount=4, tickMinStep=1, labelExpr="datum.value ? format(datum.value, '~s') : '0'"
    )
    layers = [
        base.mark_line(color=style.colour, strokeWidth=1.75).encode(
            x=x, y=alt.Y("users:Q", title=None, axis=y_axis)
        )
    ]
    if any(row.cumulative_downloads is not None for row in rows):
        layers.append(
            base.mark_line(color="var(--muted)", strokeWidth=1.5, strokeDash=[5, 3]).encode(
                x=x, y=alt.Y("downloads:Q", title=None, axis=y_axis)
            )
        )
    hover = base.mark_circle(size=60, opacity=0).encode(
        x=x,
        y=alt.Y("users:Q", title=None, axis=y_axis),
        tooltip=[
            alt.Tooltip("start:N", title="day"),
            alt.Tooltip("users:Q", title="users so far", format=","),
            alt.Tooltip("downloads:Q", title="downloads so far", format=","),
        ],
    )
    return alt.layer(*layers, hover).properties(width="container", height=170)


def new_share(rows: Sequence[GrowthDay], style: Style) -> alt.LayerChart:
    """The share of the last seven days' active users who are new, day by day."""
    x = charts.time_axis("middle")
    y = alt.Y(
        "share:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(tickCount=4, format="~%"),
    )
    base = _days(rows)
    line = base.mark_line(color=style.colour, strokeWidth=1.75).encode(x=x, y=y)
    hover = (
        base.transform_filter("datum.share !== null")
        .mark_circle(size=60, opacity=0)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("start:N", title="7 days to"),
                alt.Tooltip("share:Q", title="new", format=".1%"),
            ],
        )
    )
    return alt.layer(*_flagged(rows), line, hover).properties(width="container", height=140)


def launches(
    growth: Mapping[str, Sequence[GrowthDay]], app_id: str, look: Mapping[str, Style]
) -> alt.LayerChart:
    """Users so far of every app by days since its launch, on a log scale; this one is thick."""
    rows = [
        {
            **charts.styled(look[other]),
            "own": other == app_id,
            "day": [day.launch_day_n for day in since_launch(days)],
            "users": [day.cumulative_users for day in since_launch(days)],
        }
        for other, days in growth.items()
    ]
    rows.sort(key=lambda row: bool(row["own"]))
    x = alt.X(
        "day:Q",
        title="days since launch",
        scale=alt.Scale(nice=False),
        axis=alt.Axis(format="d", tickCount=8),
    )
    y = alt.Y(
        "users:Q",
        title=None,
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~s", values=[10**k for k in range(10)]),
    )
    base = alt.Chart(charts.inline_data(rows)).transform_flatten(["day", "users"])
    line = base.mark_line(strokeJoin="round").encode(
        x=x,
        y=y,
        color=charts.app_colour(),
        strokeDash=charts.app_dash(),
        detail=alt.Detail("app:N"),
        opacity=alt.condition("datum.own", alt.value(1), alt.value(0.6)),
        strokeWidth=alt.condition("datum.own", alt.value(2.75), alt.value(1.25)),
    )
    hover = base.mark_circle(size=50, opacity=0).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("app:N", title="app"),
            alt.Tooltip("day:Q", title="day", format="d"),
            alt.Tooltip("users:Q", title="users so far", format=","),
        ],
    )
    return alt.layer(line, hover).properties(width="container", height=220)


def since_launch(days: Sequence[GrowthDay]) -> list[GrowthDay]:
    """Days from the launch on with any users: a log scale has no place for none."""
    return [
        day
        for day in days
        if day.cumulative_users and day.launch_day_n is not None and day.launch_day_n >= 0
    ]


def behaviour_dots(rows: Sequence[Behaviour], style: Style) -> alt.LayerChart:
    """Retention by what users did: a filled dot for those who did, a ring for those who did not."""
    names = list(dict.fromkeys(behaviour_name(row) for row in rows if row.did is not False))
    names += [name for name in dict.fromkeys(_pair_name(row) for row in rows) if name not in names]
    data = [
        {
            "what": _pair_name(row),
            "group": "did not" if row.did is False else "did",
            "rate": row.retention_rate,
            "low": row.ci_low,
            "high": row.ci_high,
            "users": row.users,
        }
        for row in rows
        if row.retention_rate is not None
    ]
    x = alt.X(
        "rate:Q",
        title=None,
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(format="~%", tickCount=5, grid=True),
    )
    y = alt.Y(
        "what:N",
        title=None,
        sort=names,
        axis=alt.Axis(domain=False, ticks=False, labelLimit=175, grid=False, labelPadding=8),
    )
    tooltip = [
        alt.Tooltip("what:N", title="behaviour"),
        alt.Tooltip("group:N", title="users who"),
        alt.Tooltip("rate:Q", title="retention", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="95 % to", format=".1%"),
        alt.Tooltip("users:Q", title="users", format=","),
    ]
    base = alt.Chart(charts.inline_data(data))
    bars = (
        base.transform_filter("datum.low !== null && datum.high !== null")
        .mark_rule(strokeWidth=1.5)
        .encode(
            x=alt.X("low:Q", title=None),
            x2=alt.X2("high:Q"),
            y=y,
            color=_did_colour(style),
            tooltip=tooltip,
        )
    )
    dots = base.mark_point(size=75, strokeWidth=1.75, opacity=1, fillOpacity=1).encode(
        x=x,
        y=y,
        color=_did_colour(style),
        fill=alt.condition(
            "datum.group === 'did'", alt.value(style.colour), alt.value("var(--paper)")
        ),
        tooltip=tooltip,
    )
    return alt.layer(bars, dots).properties(width="container", height=30 * len(names) + 4)


def _pair_name(row: Behaviour) -> str:
    """The name of a row of the chart: those who did and who did not stand on one line."""
    if row.did is False:
        return behaviour_name(replace(row, did=True))
    return behaviour_name(row)


def _did_colour(style: Style) -> Any:
    return alt.condition(
        "datum.group === 'did'", alt.value(style.colour), alt.value("var(--muted)")
    )


def rating_by_week(
    weeks: Sequence[ReviewWeek], style: Style, first_day: date, last_day: date
) -> alt.LayerChart:
    """Mean stars by complete week, a line per store; the larger a dot, the more reviews."""
    stores = sorted({week.store for week in weeks})
    rows = [
        {
            "day": week.week_start.isoformat(),
            "store": week.store,
            "rating": week.mean_rating,
            "reviews": week.reviews,
        }
        for week in weeks
        if week.is_complete
    ]
    x = charts.time_axis("t")
    y = alt.Y(
        "rating:Q",
        title=None,
        scale=alt.Scale(domain=[1, 5]),
        axis=alt.Axis(values=[1, 2, 3, 4, 5], format="d"),
    )
    base = alt.Chart(charts.inline_data(rows)).transform_calculate(
        t="toDate(datum.day + 'T12:00:00Z')"
    )
    dash = alt.StrokeDash(
        "store:N",
        scale=alt.Scale(
            domain=stores, range=[list(STORE_DASHES[i % 3]) for i in range(len(stores))]
        ),
        legend=None,
    )
    line = base.mark_line(color=style.colour, strokeWidth=1.5).encode(
        x=x, y=y, strokeDash=dash, detail=alt.Detail("store:N")
    )
    # A week without a review breaks the line and has no dot.
    rated = base.transform_filter("datum.rating !== null")
    dots = rated.mark_circle(color=style.colour, opacity=0.85).encode(
        x=x,
        y=y,
        size=alt.Size("reviews:Q", scale=alt.Scale(range=[12, 160], zero=True), legend=None),
        tooltip=[
            alt.Tooltip("day:N", title="week of"),
            alt.Tooltip("store:N", title="store"),
            alt.Tooltip("rating:Q", title="mean stars", format=".2f"),
            alt.Tooltip("reviews:Q", title="reviews", format=","),
        ],
    )
    return alt.layer(charts.stretch_time(first_day, last_day), line, dots).properties(
        width="container", height=190
    )


def cohort_weeks(
    weeks: Sequence[CohortWeek], style: Style, first_day: date, last_day: date
) -> alt.LayerChart:
    """Day-1 (dashed) and day-7 retention of the cohorts of each complete week."""
    rows = [
        {
            "day": week.week_start.isoformat(),
            "n": f"day {week.day_n}",
            "rate": week.rate,
            "users": week.cohort_users,
        }
        for week in weeks
    ]
    x = charts.time_axis("t")
    y = alt.Y(
        "rate:Q",
        title=None,
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(format="~%", tickCount=4),
    )
    base = alt.Chart(charts.inline_data(rows)).transform_calculate(
        t="toDate(datum.day + 'T12:00:00Z')"
    )
    line = base.mark_line(color=style.colour, strokeWidth=1.75).encode(
        x=x,
        y=y,
        detail=alt.Detail("n:N"),
        strokeDash=alt.StrokeDash(
            "n:N",
            scale=alt.Scale(domain=["day 1", "day 7"], range=[[5, 3], [1, 0]]),
            legend=None,
        ),
    )
    dots = (
        base.transform_filter("datum.rate !== null")
        .mark_circle(size=20, color=style.colour, opacity=1)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("day:N", title="started in the week of"),
                alt.Tooltip("n:N", title="active on"),
                alt.Tooltip("rate:Q", title="retention", format=".2%"),
                alt.Tooltip("users:Q", title="users", format=","),
            ],
        )
    )
    return alt.layer(charts.stretch_time(first_day, last_day), line, dots).properties(
        width="container", height=190
    )


def theme_shares(themes: Sequence[Theme], style: Style) -> alt.LayerChart:
    """The share of reviews that speak of each theme: a ring before the peak, a dot after it."""
    names = list(dict.fromkeys(theme_name(theme.theme) for theme in themes))
    rows = [
        {
            "theme": theme_name(theme.theme),
            "period": theme.period,
            "share": theme.share,
            "low": theme.ci_low,
            "high": theme.ci_high,
            "mentions": theme.mentions,
            "reviews": theme.reviews,
        }
        for theme in themes
        if theme.share is not None
    ]
    x = alt.X(
        "share:Q",
        title=None,
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(format="~%", tickCount=5, grid=True),
    )
    y = alt.Y(
        "theme:N",
        title=None,
        sort=names,
        axis=alt.Axis(domain=False, ticks=False, labelLimit=175, grid=False, labelPadding=8),
    )
    # Two lines of one row, one above the other, so that their intervals do not hide each other.
    offset = alt.YOffset(
        "period:N", sort=["before_peak", "after_peak", "all"], scale=alt.Scale(paddingOuter=0.6)
    )
    before = "datum.period === 'before_peak'"
    colour = alt.condition(before, alt.value("var(--muted)"), alt.value(style.colour))
    tooltip = [
        alt.Tooltip("theme:N", title="theme"),
        alt.Tooltip("period:N", title="reviews"),
        alt.Tooltip("share:Q", title="share", format=".1%"),
        alt.Tooltip("low:Q", title="95 % from", format=".1%"),
        alt.Tooltip("high:Q", title="95 % to", format=".1%"),
        alt.Tooltip("mentions:Q", title="mentions", format=","),
        alt.Tooltip("reviews:Q", title="reviews", format=","),
    ]
    base = alt.Chart(charts.inline_data(rows))
    bars = (
        base.transform_filter("datum.low !== null && datum.high !== null")
        .mark_rule(strokeWidth=1.5)
        .encode(
            x=alt.X("low:Q", title=None),
            x2=alt.X2("high:Q"),
            y=y,
            yOffset=offset,
            color=colour,
            tooltip=tooltip,
        )
    )
    dots = base.mark_point(size=60, strokeWidth=1.75, opacity=1, fillOpacity=1).encode(
        x=x,
        y=y,
        yOffset=offset,
        color=colour,
        fill=alt.condition(before, alt.value("var(--paper)"), alt.value(style.colour)),
        tooltip=tooltip,
    )
    return alt.layer(bars, dots).properties(width="container", height=38 * len(names) + 4)
