"""A daily run on a lake publishes what one on the warehouse's own table does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import pipeline, stages
from flows.dbt_process import end_dbt
from flows.lake.location import MANIFEST, lake_of
from flows.marts import GRAIN
from flows.sources import Storage
from flows.warehouse import connect
from tests.conftest import Place, make_place

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.timeout(1800),  # four daily runs, each of which builds every mart
]

SECOND_DAY = (
    "u00,2026-01-01T08:00:00Z,open,a0",  # is there already
    "u00,2026-01-09T08:00:00Z,open,d0",
    "u19,2026-01-03T08:00:00Z,open,late",
    "new,2026-01-10T08:00:00Z,open,e0",
    "new,never,open,e1",
)


def two_days(place: Place) -> list[dict[str, Any]]:
    return [a_day(place), a_day(place, *SECOND_DAY)]


def a_day(place: Place, *rows: str) -> dict[str, Any]:
    """What is published of a day on which these rows are exported."""
    if rows:
        place.export("2026-01-b.csv", *rows)
    summary = pipeline.daily(home=place.home, sources=place.sources)
    assert not summary.nothing_new
    return published(place)


def published(place: Place) -> dict[str, Any]:
    """Every published mart, without the times at which things landed."""
    path = str(place.home / "published" / "marts.duckdb")
    with duckdb.connect(path, read_only=True) as con:
        return {
            mart: con.execute(f"from {_timeless(con, mart)} order by all").fetchall()
            for mart in GRAIN
        }


def _timeless(con: duckdb.DuckDBPyConnection, mart: str) -> str:
    names = [name for name, *_ in con.execute(f"describe {mart}").fetchall()]
    kept = ", ".join(name for name in names if name != "last_landed_at")
    return f"(select {kept} from {mart})"


def in_a_lake(folder: Path, land: str) -> Place:
    place = make_place(folder)
    place.sources.write_text(f"land: {land}\n{place.sources.read_text()}", encoding="utf-8")
    return place


def assert_as_in_the_table(place: Place, expected: list[dict[str, Any]], storage: Storage) -> None:
    for day, told in zip(two_days(place), expected, strict=True):
        assert day == told
    assert any(expected[1]["fct_cohort_retention_daily"])
    run = stages.begin(place.home, place.sources)
    assert stages.verify(run).differing_rows == 0
    with connect(run.settings, read_only=True) as con:
        lake = lake_of(con)
        assert lake
        assert (lake.root, lake.storage) == ("s3://events/raw", storage)
        manifest = json.loads(lake.store().read(MANIFEST) or b"{}")
        committed = {p for (p,) in con.execute("select path from ops.lake_files").fetchall()}
        assert set(lake.store().files("app_events")) == committed
        assert manifest["holder"] == lake.holder
        assert {file["path"] for file in manifest["files"]} == committed
        (tables,) = con.execute(
            "select count(*) from duckdb_tables() where table_name = 'app_events'"
        ).fetchone() or (None,)
        assert tables == 0


def test_two_days_in_a_bucket(
    first_run: Place, after_a_day: Place, tmp_path: Path, bucket: Storage
) -> None:
    in_the_table = [published(first_run), a_day(after_a_day, *SECOND_DAY)]
    end_dbt()  # the next one is given the bucket's credentials with the environment
    land = f"{{to: lake, path: s3://events/raw, storage: {{endpoint: '{bucket.endpoint}'}}}}"
    try:
        assert_as_in_the_table(in_a_lake(tmp_path, land), in_the_table, bucket)
    finally:
        end_dbt()
