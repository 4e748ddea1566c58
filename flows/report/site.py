"""Writes the analyst's site from the published marts file: an overview, and a page per app."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from altair.utils.schemapi import debug_mode

from flows.errors import AfterhypeError
from flows.report import charts, queries, wording
from flows.report.app_page import render_app
from flows.report.contents import Marts, read_marts
from flows.report.downloads import Download, lay_out
from flows.report.drawing import Drawings, plot
from flows.report.explore import explorer
from flows.report.glossary import Term, read_terms
from flows.report.queries import CohortRow, Curve, GateResult
from flows.report.rendering import Figure, Links, document
from flows.report.slugs import slugs

TABLE_DAYS = (1, 3, 7, 14, 30, 60, 90)
HEAT_LEGEND = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class CurveTable:
    """The numbers behind one figure of curves: a row per app, a column per day of TABLE_DAYS."""

    title: str
    rows: list[tuple[str, list[tuple[str, str] | None]]]


@dataclass(frozen=True)
class Page:
    """The figures of the page by section."""

    curves: list[Figure] = field(default_factory=list)
    curve_tables: list[CurveTable] = field(default_factory=list)
    triangles: list[Figure] = field(default_factory=list)
    heat_legend: list[tuple[str, float]] = field(default_factory=list)
    ranks: list[Figure] = field(default_factory=list)
    growth: list[tuple[str, list[Figure]]] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        """All figures, in the order of the page."""
        growth = [figure for _, figures in self.growth for figure in figures]
        return [*self.curves, *self.triangles, *self.ranks, *growth]


def write_site(
    marts: Path,
    target: Path,
    *,
    kept_in: Path | None = None,
    dbt_docs: Path | None = None,
    data_docs: Path | None = None,
) -> Path:
    """Write `target/index.html` from the published marts file and return its path.

    Beside it `target/apps/` has one page per tracked app, `target/glossary.html` the definitions,
    and `target/downloads/` the marts file and the Parquet beside it. Links are relative, and
    `.nojekyll` keeps GitHub Pages from leaving anything out: the folder can be hosted as it is.

    `dbt_docs` is dbt's static docs page (one file, copied to `target/dbt/index.html`); `data_docs`
    is the folder of Great Expectations' Data Docs (copied to `target/data_docs/`). What an earlier
    call copied there is replaced; without the argument it is removed, and no link leads to it.
    `kept_in` is a folder for what takes seconds to make and can serve the next site as well.

    Raises AfterhypeError if the marts file is missing, is not a published marts file, or a
    document that was given does not exist.
    """
    contents = read_marts(marts)
    target.mkdir(parents=True, exist_ok=True)
    links = Links(
        dbt=_copy_dbt_docs(dbt_docs, target / "dbt"),
        data_docs=_copy_data_docs(data_docs, target / "data_docs"),
    )
    addresses = {
        app_id: f"apps/{slug}.html"
        for app_id, slug in slugs([app.app_id for app in contents.apps]).items()
    }
    downloads = lay_out(marts, target)
    (target / ".nojekyll").touch()
    terms = read_terms()
    index = target / "index.html"
    drawings = Drawings(kept_in)
    # Altair checks each part of each plot against its schema as often as it is copied, which takes
    # as long as all the rest; the tests draw every plot in a browser
    with debug_mode(False):
        page = render(contents, links, addresses, terms, downloads, drawings)
        index.write_text(page, encoding="utf-8")
        _write_app_pages(contents, target, addresses, links, drawings)
    drawings.keep()
    (target / links.glossary).write_text(
        document("glossary.html.j2", [], marts=contents, links=links, terms=terms), encoding="utf-8"
    )
    return index


def _write_app_pages(
    marts: Marts, target: Path, addresses: Mapping[str, str], links: Links, drawings: Drawings
) -> None:
    """A page per app; those of apps that are no longer tracked go."""
    shutil.rmtree(target / "apps", ignore_errors=True)
    if addresses:
        (target / "apps").mkdir()
    for app in marts.apps:
        page = render_app(marts, app, links.from_below(), addresses, drawings)
        (target / addresses[app.app_id]).write_text(page, encoding="utf-8")


def render(
    marts: Marts,
    links: Links,
    app_pages: Mapping[str, str],
    terms: Sequence[Term],
    downloads: Sequence[Download],
    drawings: Drawings,
) -> str:
    """The overview as one HTML document; `app_pages` has the address of each app's page."""
    look = charts.styles([(app.app_id, app.name) for app in marts.apps])
    page = Page(
        **_curve_section(marts.curves, look),
        **_triangle_section(marts.triangles, look),
        ranks=_rank_figures(marts, look),
        growth=_growth_figures(marts, look),
    )
    explored = explorer(marts.slices, look, by_segment=False)
    return document(
        "page.html.j2",
        [*page.figures(), *([explored.figure] if explored else [])],
        drawings=drawings,
        explore=explored.data if explored else None,
        explored=explored,
        marts=marts,
        page=page,
        links=links,
        look=look,
        app_pages=app_pages,
        terms=terms,
        downloads=downloads,
        table_days=TABLE_DAYS,
        failed=[result for result in marts.publication.gate_results if not result.success],
        passed=_passed(marts.publication.gate_results),
    )


def _curve_section(
    curves: Sequence[Curve], look: Mapping[str, charts.Style]
) -> dict[str, list[Any]]:
    ordered = _in_page_order(curves, look)
    if not ordered:
        return {}
    last_day = max(curve.days[-1] for curve in ordered)
    titles = {
        "classic": "Classic: active on that day",
        "unbounded": "Unbounded: active on that day or later",
    }
    figures, tables = [], []
    for definition, title in titles.items():
        drawn = [curve for curve in ordered if curve.definition == definition]
        if not drawn:
            continue
        # Bands widen as users get fewer; the first week's are shown whole, later ones may be cut.
        top = min(1.0, max(max(*curve.rates, *curve.ci_highs[:7]) for curve in drawn) * 1.05)
        figures.append(
            Figure(
                id=f"curve-{definition}",
                title=title,
                label=f"Retention by days since the first day, {definition}, one line per app.",
                captions=[wording.curve_reading(look[curve.app_id].name, curve) for curve in drawn],
                plot=plot(charts.retention_curves, drawn, look, last_day, top),
            )
        )
        tables.append(
            CurveTable(title, [(look[curve.app_id].name, _table_row(curve)) for curve in drawn])
        )
    return {"curves": figures, "curve_tables": tables}


def _table_row(curve: Curve) -> list[tuple[str, str] | None]:
    cells = {
        n: (wording.percent(rate), wording.interval(low, high))
        for n, rate, low, high in zip(
            curve.days, curve.rates, curve.ci_lows, curve.ci_highs, strict=True
        )
    }
    return [cells.get(n) for n in TABLE_DAYS]


def _triangle_section(
    rows: Sequence[CohortRow], look: Mapping[str, charts.Style]
) -> dict[str, list[Any]]:
    ordered = _in_page_order(rows, look)
    if not ordered:
        return {}
    after_day_0 = [
        rate
        for row in ordered
        for n, rate in zip(row.days, row.rates, strict=True)
        if n > 0 and rate is not None
    ]
    top = max([0.05, *after_day_0])
    figures = []
    for i, (app_id, group) in enumerate(groupby(ordered, key=attrgetter("app_id"))):
        cohorts = list(group)
        figures.append(
            Figure(
                id=f"triangle-{i}",
                title=look[app_id].name,
                label=(
                    f"Cohort triangle of {look[app_id].name}: {len(cohorts)} cohorts by "
                    f"{cohorts[0].grain}, classic retention by days since the first day."
                ),
                captions=[wording.triangle_reading(cohorts)],
                plot=plot(charts.cohort_triangle, cohorts, top),
            )
        )
    legend = [
        (f"{rate:.0%}".replace("%", f"{wording.NNBSP}%"), charts.heat_opacity(rate, top))
        for rate in HEAT_LEGEND
        if rate <= top
    ]
    return {"triangles": figures, "heat_legend": legend}


def _rank_figures(marts: Marts, look: Mapping[str, charts.Style]) -> list[Figure]:
    spans = {span.chart_key: span for span in marts.chart_spans}
    by_chart: dict[tuple[str, str, str, str], list[queries.RankSeries]] = {}
    for series in marts.rank_series:
        by_chart.setdefault(series.chart_key, []).append(series)
    return [
        Figure(
            id=f"ranks-{i}",
            title=wording.chart_name(key),
            label=f"Daily rank on {wording.chart_name(key)}, rank 1 on top, one line per app.",
            captions=[wording.rank_reading(look[s.app_id].name, s) for s in series],
            plot=plot(charts.rank_history, spans[key], series, look),
        )
        for i, (key, series) in enumerate(by_chart.items())
    ]


def _growth_figures(
    marts: Marts, look: Mapping[str, charts.Style]
) -> list[tuple[str, list[Figure]]]:
    ordered = _in_page_order(marts.growth, look)
    activity = {app.app_id: wording.stickiness_reading(app) for app in marts.apps}
    sections = []
    for i, (app_id, group) in enumerate(groupby(ordered, key=attrgetter("app_id"))):
        periods = list(group)
        name = look[app_id].name
        bars = Figure(
            id=f"growth-{i}",
            title="Users won and lost",
            label=f"New, resurrected and churned users of {name} by {periods[0].period}.",
            captions=[wording.growth_reading(periods[-1]), *activity[app_id]],
            plot=plot(charts.growth_accounting, periods),
        )
        ratio = Figure(
            id=f"quick-ratio-{i}",
            title="Quick ratio",
            label=f"Quick ratio of {name} by {periods[0].period}, against the line of 1.",
            captions=[wording.quick_ratio_reading(periods, charts.QUICK_RATIO_CEILING)],
            plot=plot(charts.quick_ratio, periods),
        )
        sections.append((name, [bars, ratio]))
    return sections


def _in_page_order(rows: Iterable[Any], look: Mapping[str, charts.Style]) -> list[Any]:
    """Rows of a query (ordered within an app) in the order of the scorecard's apps."""
    position = {app_id: i for i, app_id in enumerate(look)}
    return sorted(rows, key=lambda row: position[row.app_id])


def _passed(results: Sequence[GateResult]) -> list[tuple[GateResult, int]]:
    """Passed expectations, one per stage and suite, with the number of subjects they hold for."""
    counts = Counter(
        (result.stage, result.suite, result.expectation, result.severity)
        for result in results
        if result.success
    )
    examples = {
        (result.stage, result.suite, result.expectation, result.severity): result
        for result in results
        if result.success
    }
    return [(examples[key], times) for key, times in counts.items()]


def _copy_dbt_docs(source: Path | None, folder: Path) -> str | None:
    shutil.rmtree(folder, ignore_errors=True)
    if source is None:
        return None
    if not source.is_file():
        raise AfterhypeError(
            f"{source}: dbt's static docs page is not there. Write it with "
            "`dbt docs generate --static`, or leave it out."
        )
    folder.mkdir()
    shutil.copyfile(source, folder / "index.html")
    return "dbt/index.html"


def _copy_data_docs(source: Path | None, folder: Path) -> str | None:
    shutil.rmtree(folder, ignore_errors=True)
    if source is None:
        return None
    if not (source / "index.html").is_file():
        raise AfterhypeError(
            f"{source}: no index.html in it, so these are not Great Expectations' Data Docs. "
            "Run the quality gates first, or leave them out."
        )
    shutil.copytree(source, folder)
    return "data_docs/index.html"
