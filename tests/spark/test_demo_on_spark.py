"""The whole demo on a Spark of two executors: every cell is what DuckDB makes of the same."""

from __future__ import annotations

import gzip
import shutil
from typing import Any

import pytest

from flows import stages
from flows.land import ledger
from flows.published import query
from flows.warehouse import connect
from tests.spark.conftest import SparkHome

pytestmark = pytest.mark.timeout(3600)

LATE = "2025-12"
"""What the names of the extracts have in them that arrive after all others."""


def ask(place: SparkHome, query: str) -> list[tuple[Any, ...]]:
    with connect(place.begin().settings, read_only=True) as con:
        return con.execute(query).fetchall()


def assert_equal_to_duckdb(place: SparkHome) -> None:
    """Every mart is rebuilt by DuckDB from the same lake, and compared cell for cell."""
    verification = stages.verify(place.begin())
    assert [str(difference) for difference in verification.differences] == []
    assert verification.differing_rows == 0
    assert verification.cells > 1_000_000


def hold_back(place: SparkHome) -> int:
    """Put the extracts of a month of each app aside; return how many they are."""
    held = [
        p
        for app in ("spike", "habit", "leaky")
        for p in (place.home / "demo" / app).glob(f"*{LATE}*")
    ]
    for path in held:
        target = place.held_back / path.relative_to(place.home / "demo")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return len(held)


def deliver_the_rest(place: SparkHome) -> None:
    """The late extracts; one that was delivered before, with a line more; and one of nonsense."""
    shutil.copytree(place.held_back, place.home / "demo", dirs_exist_ok=True)
    spike = sorted((place.home / "demo" / "spike").glob("*.ndjson.gz"))
    with gzip.open(spike[-1], "rt", encoding="utf-8") as lines:
        delivered = lines.read()
    again = spike[-1].with_name(spike[-1].name.replace(".ndjson.gz", "-again.ndjson.gz"))
    with gzip.open(again, "wt", encoding="utf-8") as lines:
        lines.write(
            delivered + delivered.splitlines()[0].replace('"eventId":"', '"eventId":"z') + "\n"
        )
    broken = spike[-1].with_name(spike[-1].name.replace(".ndjson.gz", "-broken.ndjson.gz"))
    with gzip.open(broken, "wt", encoding="utf-8") as lines:
        lines.write("\n".join(delivered.splitlines()[:50]) + "\n" + "nonsense\n" * 200)


def test_full_and_by_arrival_every_cell_is_what_duckdb_makes_of_the_same_extracts(
    spark_home: SparkHome,
) -> None:
    assert hold_back(spark_home) > 10
    spark_home.land()
    build = spark_home.build()
    assert (build.by_arrival, build.reason) == (False, "nothing was built yet")
    done = spark_home.tasks_by_executor()
    assert set(done) == {"0", "1"}
    assert min(done.values()) > 100
    assert_equal_to_duckdb(spark_home)

    # late, duplicate and quarantined extracts, and one that is taken back after it was built
    before = ask(spark_home, "select count(*) from raw.extracts where status = 'landed'")
    deliver_the_rest(spark_home)
    spark_home.land()
    with connect(spark_home.begin().settings) as con:
        built = "select max(extract_id) from raw.extracts where source = 'leaky_events'"
        row = con.execute(f"{built} and status = 'landed'").fetchone()
        assert row is not None
        ledger.quarantine(con, row[0], "taken back")
    assert ask(spark_home, "select count(*) from raw.extracts where status = 'landed'") > before
    assert ask(spark_home, "select count(*) from raw.extracts where status = 'quarantined'") == [
        (2,)
    ]
    duplicates = "select rows_duplicate from raw.extracts where uri like '%-again.ndjson.gz'"
    assert ask(spark_home, duplicates)[0][0] > 100
    assert ask(spark_home, "select count(*) > 0 from ops.disturbed_events") == [(True,)]
    build = spark_home.build()
    assert (build.by_arrival, build.reason) == (True, "the last build left all in order")
    assert_equal_to_duckdb(spark_home)


def test_the_gates_judge_what_came_home(spark_home: SparkHome) -> None:
    run = spark_home.begin()
    report = stages.judge_marts(run)
    assert len(report.results) > 50
    assert report.critical_failures == ()


def test_what_came_home_is_published_with_its_comments(spark_home: SparkHome) -> None:
    stages.publish(spark_home.begin())
    settings = spark_home.begin().settings
    described = "select count(*) from duckdb_tables() where comment like 'One row per %'"
    assert query(settings, described)[1][0][0] >= 20
    assert query(settings, "select count(*) from app_scorecard")[1] == [(3,)]


def test_who_goes_back_to_duckdb_builds_everything_anew(spark_home: SparkHome) -> None:
    run = spark_home.begin()
    with connect(run.settings, read_only=True) as con:
        last = con.execute("select definition from ops.builds order by started_at desc").fetchone()
    assert last is not None
    assert " spark " in last[0]
