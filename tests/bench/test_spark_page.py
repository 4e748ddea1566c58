"""The page of the benchmarks on Spark tells what was measured, and what was not."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.groups.spark import ENGINES
from bench.page.spark import (
    Line,
    Spread,
    crossover,
    differing_volumes,
    line_of,
    spread_of,
    write_spark_page,
)
from bench.place import Place
from bench.results import Group, Measurement
from tests.presence import present

SECONDS = {
    "10m": {"duckdb": 20, "local": 100, "1-worker": 150, "2-workers": 120},
    "50m": {"duckdb": 38, "local": 190, "1-worker": 330, "2-workers": 219},
}


def group(volume: str, engine: str, seconds: float, digest: str = "same") -> Group:
    millions = int(volume.removesuffix("m"))
    told = {"digest": [digest], "users": 9, "landing_seconds": 2.0, "lake_bytes": 2**20}
    told |= {"versions": {"pyspark": "4.3.0"}, "busy_core_seconds": 100.0 + millions}
    one = Measurement(
        case=volume, subject=engine, seconds=[seconds], rows=millions * 1_000_000, details=told
    )
    return Group(
        name=f"{volume}/{engine}",
        measured_at=datetime(2026, 1, 2, tzinfo=UTC),
        machine={"cores": "2"},
        load=0.1,
        measurements=(one,),
    )


@pytest.fixture
def groups() -> dict[str, Group]:
    return {
        f"{volume}/{engine}": group(volume, engine, seconds)
        for volume, told in SECONDS.items()
        for engine, seconds in told.items()
    }


def test_a_line_goes_through_the_volumes(groups: dict[str, Group]) -> None:
    assert line_of(groups, "duckdb") == Line(fixed=15.5, per_million=0.45)


def test_one_volume_makes_no_line(groups: dict[str, Group]) -> None:
    del groups["10m/duckdb"]
    assert line_of(groups, "duckdb") is None


def test_what_executors_are_busy_with_is_shared_and_the_rest_is_not(
    groups: dict[str, Group],
) -> None:
    # 40 core-seconds in 40 million events, of which two cores do half each; the wall says 2.475
    spread = present(spread_of(groups))
    assert astuple(spread) == pytest.approx(astuple(Spread(fixed=95.25, shared=1.0, rest=1.975)))
    assert astuple(spread.line(4)) == pytest.approx(astuple(Line(fixed=95.25, per_million=2.225)))
    del groups["10m/2-workers"]
    assert spread_of(groups) is None


def test_a_cluster_is_faster_from_where_the_lines_cross() -> None:
    duckdb = Line(fixed=10, per_million=5)
    assert crossover(duckdb, Line(fixed=110, per_million=3)) == 50
    assert crossover(duckdb, Line(fixed=5, per_million=3)) == 0
    assert crossover(duckdb, Line(fixed=110, per_million=5)) is None


def test_the_page_says_what_was_not_measured(
    groups: dict[str, Group], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    del groups["50m/local"]
    page = write_spark_page(Place(scale=0.5), groups).read_text(encoding="utf-8")
    assert page.count("| 50,000,000 | ") == len(ENGINES) + 1
    assert page.count("not measured") == 1
    assert "DuckDB was the fastest everywhere" in page
    assert "A trial at scale 0.5" in page


def test_engines_that_differ_are_told(groups: dict[str, Group]) -> None:
    assert differing_volumes(groups) == []
    groups["10m/local"] = group("10m", "local", 190, digest="other")
    assert differing_volumes(groups) == ["10m"]
