"""A mapping may ask for the name of the file that a row is of."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.land.relanding import reland
from flows.land.source import land_files
from flows.settings import Settings
from flows.sources import ChartFiles, EventSource, InstallFiles, ReviewFiles
from flows.warehouse import connect, create_schemas

NOW = datetime(2026, 2, 1)
DAY = r"strptime(regexp_extract(filename, '\d{4}-\d{2}-\d{2}'), '%Y-%m-%d')"
COLUMNS = {"user_id": "who", "event_time": DAY, "event_name": "filename"}


def a_table(path: Path, user: str) -> None:
    path.write_text(f"who,n\n{user},1\n")


def objects(path: Path, user: str) -> None:
    path.write_text(json.dumps({"who": user}) + "\n")


def a_document(path: Path, user: str) -> None:
    path.write_text(json.dumps([{"who": user}]))


def parquet(path: Path, user: str) -> None:
    duckdb.execute(f"copy (select '{user}' as who) to '{path}' (format parquet)")


Write = Callable[[Path, str], None]
FORMATS: list[tuple[str, Write]] = [
    ("csv", a_table),
    ("ndjson", objects),
    ("json", a_document),
    ("parquet", parquet),
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Settings]]:
    settings = Settings(home=tmp_path / "home", threads=1)
    with connect(settings) as con:
        create_schemas(con)
        yield con, settings


def land(
    home: tuple[duckdb.DuckDBPyConnection, Settings], folder: Path, kind: str, **given: Any
) -> list[tuple[Any, ...]]:
    con, settings = home
    source = EventSource(
        name="web",
        app_id="chat",
        uri=str(folder / "*"),
        reader={"type": kind},
        **({"columns": COLUMNS} | given),
    )
    landing = land_files(con, source, settings, NOW)
    assert landing.failed == ()
    return con.execute(
        "select event_name, strftime(event_time, '%d') from raw.app_events order by event_name"
    ).fetchall()


@pytest.mark.parametrize(("kind", "write"), FORMATS, ids=[kind for kind, _ in FORMATS])
def test_each_row_has_the_name_of_its_own_file(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path, kind: str, write: Write
) -> None:
    folder = tmp_path / "in 2020-01-01"
    folder.mkdir()
    for day in (5, 6, 7):
        write(folder / f"web-2026-01-{day:02}.{kind}", f"u{day}")
    assert land(home, folder, kind) == [
        (f"web-2026-01-{day:02}.{kind}", f"{day:02}") for day in (5, 6, 7)
    ]
    con, _ = home
    assert con.execute("from raw.schema_drift").fetchall() == []


def test_of_an_archive_it_is_the_member(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "all-2020-01-01.zip", "w") as archive:
        for day in (5, 6):
            archive.writestr(f"deep/web-2026-01-0{day}.csv", f"who\nu{day}\n")
    assert land(home, tmp_path / "in", "csv") == [
        ("web-2026-01-05.csv", "05"),
        ("web-2026-01-06.csv", "06"),
    ]


@pytest.mark.parametrize(("kind", "write"), FORMATS, ids=[kind for kind, _ in FORMATS])
def test_a_name_of_nothing_but_a_day_is_text(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path, kind: str, write: Write
) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "20260105", "ann")
    columns = COLUMNS | {"event_time": "strptime(filename, '%Y%m%d')"}
    assert land(home, tmp_path / "in", kind, columns=columns) == [("20260105", "05")]


@pytest.mark.parametrize(("kind", "write"), FORMATS, ids=[kind for kind, _ in FORMATS])
def test_files_of_equal_content_are_as_many_as_their_names(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path, kind: str, write: Write
) -> None:
    (tmp_path / "in").mkdir()
    for day in (5, 6, 7):
        write(tmp_path / "in" / f"web-2026-01-0{day}", "ann")
    assert [day for _, day in land(home, tmp_path / "in", kind)] == ["05", "06", "07"]
    (tmp_path / "moved").mkdir()
    write(tmp_path / "moved" / "web-2026-01-07", "ann")
    assert len(land(home, tmp_path / "moved", kind)) == 3  # the same content, the same name


def test_equal_files_land_when_the_corrected_mapping_asks_for_their_names(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for day in (5, 6):
        a_table(tmp_path / "in" / f"web-2026-01-0{day}.csv", "ann")
    wrong = COLUMNS | {"event_time": "'2026-01-01'", "event_name": "'open'"}
    assert land(home, tmp_path / "in", "csv", columns=wrong) == [("open", "01")]
    con, settings = home
    source = EventSource(
        name="web",
        app_id="chat",
        uri=str(tmp_path / "in" / "*"),
        reader={"type": "csv"},
        columns=COLUMNS,
    )
    relanding = reland(con, source, settings, NOW, unknown=False, advance=lambda done, total: None)
    assert relanding.left == ()
    assert [day for _, day in land(home, tmp_path / "in", "csv")] == ["05", "06"]


def test_a_column_of_that_name_is_meant_where_there_is_one(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a-2026-01-05.csv").write_text("who,filename\nann,x-2026-01-20\nann,\n")
    (tmp_path / "in" / "b-2026-01-06.csv").write_text("who\nbob\n")
    assert land(home, tmp_path / "in", "csv") == [
        ("a-2026-01-05.csv", "05"),
        ("b-2026-01-06.csv", "06"),
        ("x-2026-01-20", "20"),
    ]


CHART = {"store": "'apple'", "storefront": "'us'", "rank": "place", "store_app_id": "app"}


def land_charts(
    home: tuple[duckdb.DuckDBPyConnection, Settings], folder: Path, **columns: str
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    con, settings = home
    source = ChartFiles(
        name="charts",
        format="custom",
        uri=str(folder / "*.csv"),
        reader={"type": "csv"},
        columns=CHART | {"chart": "'top-free'", "snapshot_at": DAY} | columns,
    )
    land_files(con, source, settings, NOW)
    return (
        con.execute(
            "select chart, genre, depth from raw.chart_snapshots order by chart, genre"
        ).fetchall(),
        con.execute("select distinct split_part(reason, ':', 1) from raw.rejects").fetchall(),
    )


def four_charts(folder: Path) -> None:
    folder.mkdir()
    for kind in ("free", "paid"):
        for genre in ("games", "music"):
            rows = "".join(f"{place},{kind}{genre}{place}\n" for place in (1, 2, 3))
            (folder / f"{kind}_{genre}_2026-01-05.csv").write_text("place,app\n" + rows)


def test_what_only_names_tell_apart_is_four_charts(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    four_charts(tmp_path / "in")
    found, rejects = land_charts(
        home,
        tmp_path / "in",
        chart="'top-' || split_part(filename, '_', 1)",
        genre="split_part(filename, '_', 2)",
    )
    assert found == [
        (f"top-{kind}", genre, 3) for kind in ("free", "paid") for genre in ("games", "music")
    ]
    assert rejects == []


def test_four_charts_do_not_become_one_in_silence(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    four_charts(tmp_path / "in")
    found, rejects = land_charts(home, tmp_path / "in")
    assert found == [("top-free", "all", 3)]
    assert rejects == [("another chart than the one that landed under its name and moment",)]
    con, _ = home
    counts = "select sum(rows_landed), sum(rows_rejected), sum(rows_duplicate) from raw.extracts"
    assert con.execute(counts).fetchall() == [(3, 9, 0)]


def test_the_same_capture_in_two_files_is_a_duplicate(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}_2026-01-05.csv").write_text(f"place,app,{name}\n1,x,\n2,y,\n")
    assert land_charts(home, tmp_path / "in") == ([("top-free", "all", 2)], [])
    con, _ = home
    assert con.execute("select sum(rows_duplicate) from raw.extracts").fetchall() == [(2,)]


def test_reports_and_reviews_have_names_as_well(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    con, settings = home
    for kind, header, row in (
        ("installs", "app,n", "77,3"),
        ("reviews", "app,review,stars,by", "77,r1,5,ann"),
    ):
        (tmp_path / kind).mkdir()
        for day in (5, 6):
            text = f"{header}\n{row}\n".replace("r1", f"r{day}")
            (tmp_path / kind / f"se_2026-01-0{day}.csv").write_text(text)
    common = {"store": "'apple'", "store_app_id": "app"}
    sources = (
        InstallFiles(
            name="installs",
            format="custom",
            uri=str(tmp_path / "installs" / "*"),
            reader={"type": "csv"},
            columns=common
            | {"install_date": DAY, "downloads": "n", "country": "split_part(filename, '_', 1)"},
        ),
        ReviewFiles(
            name="reviews",
            format="custom",
            uri=str(tmp_path / "reviews" / "*"),
            reader={"type": "csv"},
            columns=common
            | {"reviewed_at": DAY, "review_id": "review", "rating": "stars", "author": '"by"'},
        ),
    )
    for source in sources:
        assert land_files(con, source, settings, NOW).rows_rejected == 0
    assert con.execute(
        "select strftime(install_date, '%d'), upper(country), units from raw.store_installs "
        "where metric = 'downloads' order by all"
    ).fetchall() == [("05", "SE", 3), ("06", "SE", 3)]
    assert con.execute(
        "select strftime(reviewed_at, '%d') from raw.app_reviews order by all"
    ).fetchall() == [("05",), ("06",)]


def test_a_vendor_s_format_is_completed_by_the_name(
    home: tuple[duckdb.DuckDBPyConnection, Settings], tmp_path: Path
) -> None:
    con, settings = home
    (tmp_path / "in").mkdir()
    for version in ("1.0", "2.0"):
        event = {
            "messageId": version,
            "userId": "ann",
            "event": "open",
            "type": "track",
            "timestamp": "2026-01-05T10:00:00Z",
        }
        (tmp_path / "in" / f"web@{version}@.json").write_text(json.dumps(event) + "\n")
    source = EventSource(
        name="segment",
        app_id="chat",
        format="segment",
        uri=str(tmp_path / "in" / "*"),
        columns={"app_version": "split_part(filename, '@', 2)"},
    )
    assert land_files(con, source, settings, NOW).rows_rejected == 0
    versions = con.execute("select app_version from raw.app_events order by all").fetchall()
    assert versions == [("1.0",), ("2.0",)]
