"""Several charts that a mapping takes for one are rejected, and what tells them apart is named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.land.source import land_files
from flows.settings import Settings
from flows.sources import ChartFiles

NOW = datetime(2026, 2, 1)
MAPPING = {
    "store": "'apple'",
    "storefront": "'us'",
    "chart": "'top-free'",
    "snapshot_at": "day",
    "rank": "place",
    "store_app_id": "app",
    "app_name": "title",
}
Row = dict[str, Any]


def charts(keys: dict[str, tuple[str, ...]], depth: int = 5) -> list[Row]:
    """A row per rank of each chart; each app has a price and a maker besides."""
    rows = []
    for number, values in enumerate(itertools.product(*keys.values())):
        for place in range(1, depth + 1):
            app = f"{number}-{place}"
            own = {"day": "2026-01-05", "place": place, "app": app, "title": f"App {app}"}
            rows.append(own | dict(zip(keys, values, strict=True)) | {
                "price": "0" if place % 2 else "1.99", "maker": f"m{app}",
            })  # fmt: skip
    return rows


def csv(rows: list[Row], path: Path) -> None:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def ndjson(rows: list[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def document(rows: list[Row], path: Path) -> None:
    path.write_text(json.dumps(rows))


def parquet(rows: list[Row], path: Path) -> None:
    ndjson(rows, path.with_suffix(".rows"))
    duckdb.execute(
        f"copy (from read_json('{path.with_suffix('.rows')}', format = 'newline_delimited')) "
        f"to '{path}' (format parquet)"
    )
    path.with_suffix(".rows").unlink()


FORMATS: dict[str, Callable[[list[Row], Path], None]] = {
    "csv": csv,
    "ndjson": ndjson,
    "json": document,
    "parquet": parquet,
}


def land(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    folder: Path,
    rows: list[Row],
    kind: str = "csv",
    **columns: str,
) -> tuple[int, dict[str, int]]:
    """How many rows have landed, and how many were rejected, by reason."""
    FORMATS[kind](rows, folder / f"charts.{kind}")
    source = ChartFiles(
        name="charts",
        format="custom",
        uri=str(folder / f"charts.{kind}"),
        reader={"type": kind},
        columns=MAPPING | columns,
    )
    landing = land_files(con, source, settings, NOW)
    assert landing.failed == ()
    assert landing.rows_duplicate == 0
    rejects = con.execute("select reason, count(*) from raw.rejects group by 1").fetchall()
    return landing.rows_landed, dict(rejects)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "keys",
    [
        {"country": ("de", "us")},
        {"feed_type": ("free", "paid", "grossing")},
        {"Genre Name": ("games", "music")},
        {"fetched": ("08:00", "09:00", "10:00")},
        {"country": ("de", "us"), "kind": ("free", "paid", "new")},
    ],
    ids=lambda keys: "+".join(keys),
)
def test_what_tells_charts_apart_is_named(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    tmp_path: Path,
    keys: dict[str, tuple[str, ...]],
    kind: str,
) -> None:
    rows = charts(keys)
    landed, rejects = land(con, settings, tmp_path, rows, kind)
    assert landed == 0
    ((reason, count),) = rejects.items()
    assert count == len(rows)
    named = reason.removeprefix("several charts taken for one, which ").partition(" would")[0]
    assert set(named.split(", ")) == set(keys)
    lines = con.execute("select line_number from raw.rejects order by 1").fetchall()
    first = 2 if kind == "csv" else 1
    assert [line for (line,) in lines] == list(range(first, first + len(rows)))


def test_charts_that_are_told_apart_land(
    con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path
) -> None:
    rows = charts({"country": ("de", "us"), "kind": ("free", "paid")})
    landed, rejects = land(
        con, settings, tmp_path, rows, storefront="country", chart="'top-' || kind"
    )
    assert (landed, rejects) == (len(rows), {})


def test_of_charts_that_are_told_apart_in_part_the_rest_is_named(
    con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path
) -> None:
    rows = charts({"country": ("de", "us"), "kind": ("free", "paid")})
    landed, rejects = land(con, settings, tmp_path, rows, storefront="country")
    assert landed == 0
    assert [reason.split(" would")[0] for reason in rejects] == [
        "several charts taken for one, which kind"
    ]


def test_where_no_column_tells_them_apart_that_is_said(
    con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path
) -> None:
    rows = charts({"country": ("de", "us")})
    for row in rows:
        del row["country"]
    landed, rejects = land(con, settings, tmp_path, rows)
    assert landed == 0
    ((reason, count),) = rejects.items()
    assert count == len(rows)
    assert "no column of the file tells them apart" in reason


def test_one_rank_given_twice_costs_one_row(
    con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path
) -> None:
    rows = charts({"country": ("us",)})
    rows.append(rows[0] | {"app": "other", "title": "Other"})
    landed, rejects = land(con, settings, tmp_path, rows)
    assert (landed, rejects) == (5, {"rank given twice in one chart": 1})


def test_only_the_chart_that_is_several_is_rejected(
    con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path
) -> None:
    mixed = charts({"country": ("de", "us")})
    one = [row | {"day": "2026-01-06"} for row in mixed if row["country"] == "us"]
    broken = [one[0] | {"place": "first", "day": "2026-01-06", "app": "x"}]
    landed, rejects = land(con, settings, tmp_path, mixed + one + broken)
    assert landed == len(one)
    assert sorted(rejects.values()) == [1, len(mixed)]
