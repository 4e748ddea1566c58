"""The page of the benchmarks on Spark tells what was measured, and what was not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bench.groups.spark import ENGINES
from bench.page.spark import (
    Line,
    differing_volumes,
    line_of,
    workers_to_match,
    write_spark_page,
)
from bench.place import Place
from bench.results import Group, Measurement

SECONDS = {
    "10m": {"duckdb": 20, "local": 100, "1-worker": 150, "2-workers": 120},
    "50m": {"duckdb": 38, "local": 190, "1-worker": 330, "2-workers": 219},
}


def group(volume: str, engine: str, seconds: float, digest: str = "same") -> Group:
    millions = int(volume.removesuffix("m"))
    told = {"digest": [digest], "users": 9, "landing_seconds": 2.0, "lake_bytes": 2**20}
    told["versions"] = {"pyspark": "4.3.0"}
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
def groups():
    return {
        f"{volume}/{engine}": group(volume, engine, seconds)
        for volume, told in SECONDS.items()
        for engine, seconds in told.items()
    }


def test_a_line_goes_through_the_volumes(groups):
    assert line_of(groups, "duckdb") == Line(fixed=15.5, per_million=0.45)


def test_one_volume_makes_no_line(groups):
    del groups["10m/duckdb"]
    assert line_of(groups, "duckdb") is None


def test_as_many_workers_match_as_their_shared_part_takes():
    one, two = (Line(fixed=0, per_million=slope) for slope in (20.0, 11.0))
    # 18 of the 20 seconds are shared, 2 stay: 18 / w + 2 is 5 at 6 workers
    assert workers_to_match(Line(fixed=0, per_million=5.0), one, two) == pytest.approx(6)


@pytest.mark.parametrize("slopes", [(2.0, 20.0, 11.0), (5.0, 20.0, 20.0), (5.0, 20.0, 21.0)])
def test_no_number_of_workers_matches_where_the_rest_alone_is_more(slopes):
    assert workers_to_match(*(Line(fixed=0, per_million=slope) for slope in slopes)) is None


def test_the_page_says_what_was_not_measured(groups, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    del groups["50m/local"]
    page = write_spark_page(Place(scale=0.5), groups).read_text(encoding="utf-8")
    assert page.count("| 50,000,000 | ") == len(ENGINES) + 1
    assert page.count("not measured") == 1
    assert "DuckDB was the fastest everywhere" in page
    assert "A trial at scale 0.5" in page


def test_engines_that_differ_are_told(groups):
    assert differing_volumes(groups) == []
    groups["10m/local"] = group("10m", "local", 190, digest="other")
    assert differing_volumes(groups) == ["10m"]
