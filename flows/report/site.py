"""Writes the analyst's site from the published marts file: one page that needs no network."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import jinja2
import vl_convert
from markupsafe import Markup

from flows.errors import AfterhypeError
from flows.report import charts, queries, wording
from flows.report.queries import App, CohortRow, Curve, GateResult, GrowthPeriod

HERE = Path(__file__).parent
TABLE_DAYS = (1, 3, 7, 14, 30, 60, 90)
HEAT_LEGEND = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
DRAW = """
const page = JSON.parse(document.getElementById("charts").textContent);
const options = {
  mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
  config: page.config, tooltip: {disableDefaultStyle: true},
};
const draw = async ([id, spec]) => {
  try {
    await vegaEmbed(document.getElementById(id), spec, options);
  } catch (error) {
    document.getElementById(id).textContent = `This chart could not be drawn: ${error.message}`;
    console.error(error);
  }
};
Promise.all(Object.entries(page.charts).map(draw)).then(() => {
  document.documentElement.dataset.charts = "drawn";
});
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
"""


@dataclass(frozen=True)
class Figure:
    """A chart, what it shows for those who do not see it, and its reading in words."""

    id: str
    title: str
    label: str
    captions: list[str]
    chart: alt.LayerChart


@dataclass(frozen=True)
class CurveTable:
    """The numbers behind one figure of curves: a row per app, a column per day of TABLE_DAYS."""

    title: str
    rows: list[tuple[str, list[tuple[str, str] | None]]]


@dataclass(frozen=True)
class Marts:
    """Everything the page reads, taken from one open of the published file."""

    publication: queries.Publication
    apps: list[App]
    curves: list[Curve]
    triangles: list[CohortRow]
    growth: list[GrowthPeriod]
    rank_series: list[queries.RankSeries]
    chart_spans: list[queries.ChartSpan]
    freshness: list[queries.Freshness]
    late_arrivals: list[queries.LateArrivals]
    moved: list[queries.Moved]


@dataclass(frozen=True)
class Links:
    """Pages beside this one, relative to it; None where it was written without."""

    dbt: str | None = None
    data_docs: str | None = None


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
    marts: Path, target: Path, *, dbt_docs: Path | None = None, data_docs: Path | None = None
) -> Path:
    """Write `target/index.html` from the published marts file and return its path.

    `dbt_docs` is dbt's static docs page (one file, copied to `target/dbt/index.html`); `data_docs`
    is the folder of Great Expectations' Data Docs (copied to `target/data_docs/`). What an earlier
    call copied there is replaced; without the argument it is removed, and no link leads to it.

    Raises AfterhypeError if the marts file is missing, is not a published marts file, or a
    document that was given does not exist.
    """
    contents = read_marts(marts)
    target.mkdir(parents=True, exist_ok=True)
    links = Links(
        dbt=_copy_dbt_docs(dbt_docs, target / "dbt"),
        data_docs=_copy_data_docs(data_docs, target / "data_docs"),
    )
    index = target / "index.html"
    index.write_text(render(contents, links), encoding="utf-8")
    return index


def read_marts(marts: Path) -> Marts:
    """All that the page needs, read-only; AfterhypeError names the file and what is wrong."""
    if not marts.is_file():
        raise AfterhypeError(
            f"{marts}: there is no published marts file. Run the pipeline until it publishes, "
            "then write the site."
        )
    try:
        with duckdb.connect() as con:
            quoted = str(marts).replace("'", "''")
            con.execute(f"attach '{quoted}' as marts (read_only)")
            con.execute("set timezone = 'UTC'")
            queries.require_tables(con)
            return Marts(
                publication=queries.read_publication(con),
                apps=queries.read_apps(con),
                curves=queries.read_curves(con),
                triangles=queries.read_triangles(con),
                growth=queries.read_growth(con),
                rank_series=queries.read_rank_series(con),
                chart_spans=queries.read_chart_spans(con),
                freshness=queries.read_freshness(con),
                late_arrivals=queries.read_late_arrivals(con),
                moved=queries.read_moved(con),
            )
    except (duckdb.Error, AfterhypeError) as error:
        raise AfterhypeError(
            f"{marts}: not a marts file that the report can read: {error}. "
            "Publish again with this version of afterhype, then write the site."
        ) from error


def render(marts: Marts, links: Links) -> str:
    """The whole page as one HTML document."""
    look = charts.styles([(app.app_id, app.name) for app in marts.apps])
    page = Page(
        **_curve_section(marts.curves, look),
        **_triangle_section(marts.triangles, look),
        ranks=_rank_figures(marts, look),
        growth=_growth_figures(marts, look),
    )
    specs = {figure.id: charts.specification(figure.chart) for figure in page.figures()}
    scripts = [vega_bundle(), DRAW] if specs else []
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["say"] = wording
    environment.globals["zip"] = zip
    return environment.get_template("page.html.j2").render(
        marts=marts,
        page=page,
        links=links,
        look=look,
        table_days=TABLE_DAYS,
        failed=[result for result in marts.publication.gate_results if not result.success],
        passed=_passed(marts.publication.gate_results),
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        specs=_json_for_html({"config": charts.CONFIG, "charts": specs}),
        scripts=[Markup(script) for script in scripts],
        script_sources=" ".join(_content_hash(script) for script in scripts) or "'none'",
    )


@functools.cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that may stand inside a script element."""
    version = "v" + ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return bundle.replace("</script", "<\\/script")


def _content_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json_for_html(value: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in, whatever the names in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


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
                chart=charts.retention_curves(drawn, look, last_day, top),
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
                chart=charts.cohort_triangle(cohorts, top),
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
            chart=charts.rank_history(spans[key], series, look),
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
            chart=charts.growth_accounting(periods),
        )
        ratio = Figure(
            id=f"quick-ratio-{i}",
            title="Quick ratio",
            label=f"Quick ratio of {name} by {periods[0].period}, against the line of 1.",
            captions=[wording.quick_ratio_reading(periods, charts.QUICK_RATIO_CEILING)],
            chart=charts.quick_ratio(periods),
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
