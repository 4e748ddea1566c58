"""Draw docs/benchmarks.svg: landing, one more day and the cube beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt

from bench.results import Group

WIDTH = 300

_BLUE, _GREY = "#2a6fb0", "#b8bec6"

_FORMATS = {"ndjson": "NDJSON.gz", "csv": "CSV.gz", "parquet": "Parquet"}


def draw(groups: dict[str, Group], path: Path) -> bool:
    """Write the plot; False when nothing that it shows was measured."""
    panels = [panel for panel in (_landing(groups), _days(groups), _cube(groups)) if panel]
    if not panels:
        return False
    chart = alt.hconcat(*panels, spacing=40).resolve_scale(color="independent")
    chart = chart.configure(background="white", padding=12).configure_view(stroke=None)
    chart.configure_axis(grid=False, labelLimit=220).configure_title(anchor="start").save(path)
    return True


def _landing(groups: dict[str, Group]) -> Any:
    values = []
    for kind, label in _FORMATS.items():
        group = groups.get(f"landing-{kind}")
        for one in group.of(group.cases[-1]) if group else ():
            rate = (one.rows or 0) / one.median_net_seconds
            values.append({"format": label, "by": one.subject, "rate": rate})
    return _bars(
        values,
        "Landing the same rows: rows per second, net",
        alt.X("rate:Q", title=None, axis=alt.Axis(format="~s", tickCount=5)),
        sort="-x",
        row=alt.Row("format:N", title=None, header=alt.Header(labelAngle=0, labelAlign="left")),
    )


def _cube(groups: dict[str, Group]) -> Any:
    group = groups.get("cube")
    values = [
        {"by": one.subject, "seconds": one.median_seconds}
        for one in (group.measurements if group else ())
    ]
    return _bars(
        values,
        "The retention cube: seconds",
        alt.X("seconds:Q", title=None, axis=alt.Axis(tickCount=5)),
    )


def _bars(
    values: list[dict[str, Any]], title: str, x: alt.X, *, sort: str = "x", **facets: Any
) -> Any:
    """Bars by subject, the best first, afterhype's in blue."""
    if not values:
        return None
    is_ours = "indexof(datum.by, 'afterhype') == 0"
    chart = alt.Chart(alt.Data(values=values), title=title, width=WIDTH).mark_bar(height=14)
    chart = chart.encode(
        x=x,
        y=alt.Y("by:N", title=None, sort=sort),
        color=alt.condition(is_ours, alt.value(_BLUE), alt.value(_GREY)),
        **facets,
    )
    return chart.properties(height=alt.Step(20))


def _days(groups: dict[str, Group]) -> Any:
    group = groups.get("one-more-day")
    if not group:
        return None
    values = [
        {"days": one.details["history_days"], "seconds": value, "median": one.median_seconds}
        for one in group.measurements
        for value in one.seconds
    ]
    base = alt.Chart(
        alt.Data(values=values), title="One more day: seconds", width=WIDTH, height=200
    )
    x = alt.X("days:Q", title="days of history", axis=alt.Axis(values=sorted(_days_of(values))))
    line = base.mark_line(color=_BLUE).encode(x=x, y=alt.Y("median:Q", title=None))
    return line + base.mark_circle(color=_BLUE, size=40).encode(x=x, y="seconds:Q")


def _days_of(values: list[dict[str, Any]]) -> set[int]:
    return {value["days"] for value in values}
