"""Takes everything that the site shows from one open of the published file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from flows.errors import AfterhypeError
from flows.report import app_story, missing_days, queries, slices
from flows.report.app_story import Story, Verdict
from flows.report.missing_days import MissingDays, read_missing_days


@dataclass(frozen=True)
class Marts:
    """Everything the pages read, taken from one open of the published file."""

    publication: queries.Publication
    apps: list[queries.App]
    curves: list[queries.Curve]
    triangles: list[queries.CohortRow]
    growth: list[queries.GrowthPeriod]
    rank_series: list[queries.RankSeries]
    chart_spans: list[queries.ChartSpan]
    freshness: list[queries.Freshness]
    late_arrivals: list[queries.LateArrivals]
    moved: list[queries.Moved]
    verdicts: dict[str, Verdict]
    velocity: list[app_story.Velocity]
    stories: dict[str, Story]
    slices: list[slices.Slice]
    changes: list[queries.Change]
    gate_runs: list[queries.GateRun]
    missing: dict[str, MissingDays]


def read_marts(marts: Path) -> Marts:
    """All that the pages need, read-only; AfterhypeError names the file and what is wrong."""
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
            queries.require_tables(
                con, (*queries.TABLES, *app_story.TABLES, *slices.TABLES, *missing_days.TABLES)
            )
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
                verdicts=app_story.read_verdicts(con),
                velocity=app_story.read_velocity(con),
                stories=app_story.read_stories(con),
                slices=slices.read_slices(con),
                changes=queries.read_changes(con),
                gate_runs=queries.read_gate_runs(con),
                missing=read_missing_days(con),
            )
    except (duckdb.Error, AfterhypeError) as error:
        raise AfterhypeError(
            f"{marts}: not a marts file that the report can read: {error}. "
            "Publish again with this version of afterhype, then write the site."
        ) from error
