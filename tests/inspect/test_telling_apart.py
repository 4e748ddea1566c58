"""A proposed mapping tells the charts of a file apart, by its columns and by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from flows.inspect.trial import Inspection, inspect
from flows.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=1)


def inspected(settings: Settings, path: Path, text: str) -> Inspection:
    path.write_text(text)
    return inspect(str(path), settings)


def a_table(header: str, *charts: str) -> str:
    """Three ranks of each chart, which its columns tell apart."""
    rows = [
        f"{rank},{chart.replace(',', '')}{rank},{chart}" for chart in charts for rank in (1, 2, 3)
    ]
    return f"rank,app_id,{header}\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("header", "charts", "mapped"),
    [
        ("date,genre", ("2026-01-05,games", "2026-01-05,music"), {"genre": "genre"}),
        (
            "date,country,feed_type,category",
            tuple(
                f"2026-01-05,{country},{feed},{genre}"
                for country in ("us", "jp")
                for feed in ("free", "paid")
                for genre in ("games", "music")
            ),
            {"storefront": "country", "chart": "feed_type", "genre": "category"},
        ),
        (
            "date,chart,device",
            tuple(f"2026-01-05,{c},{d}" for c in ("free", "paid") for d in ("phone", "tablet")),
            {"chart": "concat_ws('-', chart, device)"},
        ),
    ],
)
def test_every_column_that_tells_charts_apart_is_mapped(
    settings: Settings, tmp_path: Path, header: str, charts: tuple[str, ...], mapped: dict[str, str]
) -> None:
    inspection = inspected(settings, tmp_path / "c.csv", a_table(header, *charts))
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert mapped.items() <= {k: v.replace('"', "") for k, v in entry["columns"].items()}.items()
    assert inspection.rejects == ()


def test_an_app_s_own_category_makes_no_charts(settings: Settings, tmp_path: Path) -> None:
    rows = "".join(f"{n},app{n},2026-01-05,{'games' if n % 2 else 'music'}\n" for n in range(1, 9))
    inspection = inspected(settings, tmp_path / "c.csv", "rank,app_id,date,category\n" + rows)
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert "genre" not in entry["columns"]


@pytest.mark.parametrize("day", ["2026-01-05", "20260105"])
def test_the_name_says_chart_and_day(settings: Settings, tmp_path: Path, day: str) -> None:
    path = tmp_path / f"us_TopPaid_{day}.csv"
    inspection = inspected(settings, path, "rank,app_id\n1,a\n2,b\n")
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert entry["columns"]["chart"].startswith("'top-' || lower(regexp_extract(filename")
    assert "regexp_extract(filename" in entry["columns"]["snapshot_at"]
    assert f"The file's name says of which day it is: {day}." in inspection.proposal.notes
    assert [row[2:5] for row in inspection.rows][:1] != []
    assert inspection.rejects == ()


def test_ranks_that_nothing_tells_apart_are_said(settings: Settings, tmp_path: Path) -> None:
    text = a_table("date,x", "2026-01-05,one", "2026-01-05,two")
    inspection = inspected(settings, tmp_path / "c.csv", text)
    assert "A rank comes twice in one chart (3 of the rows looked at)" in " ".join(
        inspection.proposal.notes
    )


def test_a_category_with_which_ranks_come_as_often_is_an_app_s_own(
    settings: Settings, tmp_path: Path
) -> None:
    text = a_table("date,x,category", "2026-01-05,one,games", "2026-01-05,two,games")
    inspection = inspected(settings, tmp_path / "c.csv", text)
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert "genre" not in entry["columns"]


def test_of_columns_with_holes_nothing_is_said(settings: Settings, tmp_path: Path) -> None:
    rows = [
        {"rank": n, "app_id": f"a{n}", "date": "2026-01-05", "chart": "free"} for n in (1, 2, 3)
    ]
    del rows[1]["chart"]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    inspection = inspected(settings, tmp_path / "c.ndjson", text)
    assert "comes twice" not in " ".join(inspection.proposal.notes)


def test_a_column_with_empty_values_tells_charts_apart_only_if_it_does(
    settings: Settings, tmp_path: Path
) -> None:
    rows = [
        json.dumps(
            {"rank": rank, "app_id": f"{feed}{rank}", "date": "2026-01-05", "feed_type": feed}
            | ({"price": "1.99"} if rank == 2 else {})
        )
        for feed in ("free", "paid")
        for rank in (1, 2, 3)
    ]
    inspection = inspected(settings, tmp_path / "c.ndjson", "\n".join(rows) + "\n")
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert entry["columns"]["chart"] == "feed_type"
    assert "price" not in str(entry["columns"])
    assert (inspection.landing.rows_landed, inspection.rejects) == (6, ())


def test_a_genre_that_the_chart_of_all_leaves_empty(settings: Settings, tmp_path: Path) -> None:
    rows = [
        json.dumps(
            {"rank": rank, "app_id": f"{genre}{rank}", "date": "2026-01-05", "price": rank % 2}
            | ({"genre": genre} if genre else {})
        )
        for genre in ("", "games", "music")
        for rank in (1, 2, 3)
    ]
    inspection = inspected(settings, tmp_path / "c.ndjson", "\n".join(rows) + "\n")
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert entry["columns"]["genre"] == "genre"
    assert "price" not in str(entry["columns"])
    assert (inspection.landing.rows_landed, inspection.rejects) == (9, ())


@pytest.mark.parametrize(
    ("name", "storefront", "chart"),
    [
        ("us_top-free_2026-01-05.csv", "us", "top-free"),
        ("2026-01-05.JP.TopGrossing.csv", "jp", "top-grossing"),
        ("charts-de-paid-2026-01-05.csv", "de", "top-paid"),
        ("topfreeapplications_gb_2026-01-05.csv", "gb", "top-free"),
        ("carefree_xx_2026-01-05.csv", "us", "top-free"),  # says neither: taken for these
    ],
)
def test_the_name_says_storefront_and_kind(
    settings: Settings, tmp_path: Path, name: str, storefront: str, chart: str
) -> None:
    inspection = inspected(settings, tmp_path / name, "rank,app_id\n1,a\n2,b\n")
    assert {row[1:3] for row in inspection.rows} == {(storefront, chart)}
    (entry,) = yaml.safe_load(inspection.entry)["ranks"]
    assert ("filename" in entry["columns"]["storefront"]) == ("xx" not in name)
    assert inspection.rejects == ()


def test_what_may_tell_charts_apart_is_named(settings: Settings, tmp_path: Path) -> None:
    text = a_table("date,x", "2026-01-05,one", "2026-01-05,two")
    inspection = inspected(settings, tmp_path / "c.csv", text)
    assert "not mapped. x may be that." in " ".join(inspection.proposal.notes)
    ((reason, count, _),) = inspection.rejects
    assert (reason.split(" would")[0], count) == ("several charts taken for one, which x", 6)
