"""The stores' reports: installs and reviews, from files to canonical rows and rejects."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from expectations.raw_reports import raw_reports
from flows.land.keys import load_user_key
from flows.land.source import SourceLanding, land_files
from flows.sources import InstallFiles, ReviewFiles
from tests.formats.conftest import Home

REPORTS = Path(__file__).parent.parent / "fixtures" / "reports"
NOW = datetime(2026, 2, 1)


class Land(Protocol):
    """``land(file)``: land a report of the fixtures; its format begins its name."""

    def __call__(self, file: str, content: bytes | None = None, **source: Any) -> SourceLanding: ...


@pytest.fixture
def land(home: Home) -> Land:
    def land_one(file: str, content: bytes | None = None, **source: Any) -> SourceLanding:
        path = home.folder / file
        path.write_bytes(content or (REPORTS / file).read_bytes())
        form = file.split(".")[0]
        kind = ReviewFiles if form == "itunes_reviews" else InstallFiles
        told = {"name": form, "format": form, "uri": str(path)} | source
        return land_files(home.con, kind(**told), home.settings, NOW)

    return land_one


def installs(home: Home) -> list[tuple[Any, ...]]:
    return home.rows(
        "select store, store_app_id, install_date, country, metric, units "
        "from raw.store_installs order by all"
    )


DAY = date(2026, 1, 5)


def test_app_store_sales(home: Home, land: Land) -> None:
    landing = land("app_store_sales.tsv")
    assert (landing.failed, landing.rows_landed) == ((), 7)
    assert installs(home) == [
        ("apple", "555", DAY, "DE", "downloads", 1),
        ("apple", "555", DAY, "DE", "in_app_purchases", 5),
        ("apple", "555", DAY, "DE", "updates", 9),
        ("apple", "555", DAY, "FR", "downloads", -1),
        ("apple", "555", DAY, "US", "downloads", 7),
        ("apple", "555", DAY, "US", "redownloads", 2),
    ]


def test_app_store_sales_corrupt(home: Home, land: Land) -> None:
    landing = land("app_store_sales.corrupt.tsv")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 7)
    assert home.rejects() == [
        (3, "count not understood: many"),
        (4, "no single day"),
        (5, "no single day"),
        (6, "no count of a known kind"),
        (7, "no app id"),
        (8, "day in the future: 2031-01-05"),
        (9, "too few columns"),
    ]


def test_app_store_analytics(home: Home, land: Land) -> None:
    assert land("app_store_analytics.downloads.tsv").failed == ()
    assert land("app_store_analytics.installs.tsv").failed == ()
    assert installs(home) == [
        ("apple", "555", DAY, "DE", "redownloads", 3),
        ("apple", "555", DAY, "US", "downloads", 15),
        ("apple", "555", DAY, "US", "installs", 8),
        ("apple", "555", DAY, "US", "uninstalls", 6),
        ("apple", "555", DAY, "US", "updates", 20),
    ]


def test_app_store_analytics_corrupt(home: Home, land: Land) -> None:
    landing = land("app_store_analytics.corrupt.tsv")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 4)
    assert home.rejects() == [
        (3, "no count of a known kind"),
        (4, "count not understood: few"),
        (5, "day not understood: today"),
        (6, "too few columns"),
    ]


def test_google_play_installs_are_utf_16(home: Home, land: Land) -> None:
    assert land("google_play_installs.utf16.csv").failed == ()
    assert installs(home)[:4] == [
        ("google", "com.acme.loop", DAY, None, "downloads", 21),
        ("google", "com.acme.loop", DAY, None, "installs", 25),
        ("google", "com.acme.loop", DAY, None, "uninstalls", 3),
        ("google", "com.acme.loop", DAY, None, "updates", 90),
    ]
    assert len(installs(home)) == 8


def test_google_play_installs_corrupt(home: Home, land: Land) -> None:
    landing = land("google_play_installs.corrupt.csv")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 4)
    assert home.rejects() == [
        (3, "day not understood: 5 Jan"),
        (4, "no app id"),
        (5, "no count of a known kind"),
        (6, "too few columns"),
    ]


def test_a_report_of_any_shape_by_a_mapping(home: Home, land: Land) -> None:
    landing = land(
        "own.csv",
        b"tag,app,neu\n05.01.2026,com.x,17\n",
        format="custom",
        reader={"type": "csv"},
        columns={
            "store": "'google'",
            "store_app_id": "app",
            "install_date": "strptime(tag, '%d.%m.%Y')",
            "downloads": "neu",
        },
    )
    assert landing.failed == ()
    assert installs(home) == [("google", "com.x", DAY, None, "downloads", 17)]


def test_reviews_land_with_keyed_authors(home: Home, land: Land) -> None:
    assert land("itunes_reviews.json").failed == ()
    told = "\x1f".join(
        (load_user_key(home.settings), "review", "https://itunes.apple.com/in/reviews/idPat")
    )
    key = uuid.UUID(hashlib.sha256(told.encode()).hexdigest()[:32])
    first, second = home.rows(
        "select store, store_app_id, storefront, review_id, rating, app_version, title, body, "
        "reviewed_at, author_key from raw.app_reviews order by review_id"
    )
    at = datetime(2026, 1, 5, 11)
    body = 'It "plays"; I sing'
    assert first == ("apple", "555", "in", "9001", 5, "1.8", "Fine", body, at, key)
    assert second[3:5] == ("9002", 1)
    assert second[-1] != key


def test_a_review_lands_once_and_its_newer_version_again(home: Home, land: Land) -> None:
    land("itunes_reviews.json")
    document = json.loads((REPORTS / "itunes_reviews.json").read_text())
    document["feed"]["entry"][1]["updated"]["label"] = "2026-01-07T00:00:00Z"
    document["feed"]["entry"][1]["im:rating"]["label"] = "2"
    landing = land("itunes_reviews.2.json", json.dumps(document).encode())
    assert (landing.rows_landed, landing.rows_duplicate) == (1, 1)
    assert home.rows("select review_id, rating from raw.app_reviews order by all") == [
        ("9001", 5),
        ("9002", 1),
        ("9002", 2),
    ]


def test_a_feed_of_one_review_has_an_object(home: Home, land: Land) -> None:
    document = json.loads((REPORTS / "itunes_reviews.json").read_text())
    document["feed"]["entry"] = document["feed"]["entry"][0]
    landing = land("itunes_reviews.json", json.dumps(document).encode())
    assert (landing.failed, landing.rows_landed) == ((), 1)


def test_reviews_corrupt(home: Home, land: Land) -> None:
    landing = land("itunes_reviews.corrupt.json")
    assert (landing.rows_landed, landing.rows_rejected) == (1, 5)
    assert home.rejects() == [
        (1, "not a review: no rating"),
        (3, "rating not understood: six"),
        (4, "time not understood: last week"),
        (5, "no app id"),
        (6, "not a JSON object"),
    ]
    assert "Pat" not in str(home.rows("select line from raw.rejects"))


PLAY = "Date,Package Name,{}Daily User Installs\n"


def test_a_blank_country_is_none_of_the_others_and_no_total(home: Home, land: Land) -> None:
    rows = "2026-01-05,com.x.y,US,100\n2026-01-05,com.x.y,,7\n2026-01-05,com.x.y, ,2\n"
    land("google_play_installs.csv", (PLAY.format("Country,") + rows).encode())
    land(
        "google_play_installs.overview.csv",
        (PLAY.format("") + "2026-01-05,com.x.y,120\n").encode(),
        name="overview",
    )
    assert [row[3:] for row in installs(home)] == [
        ("", "downloads", 9),
        ("US", "downloads", 100),
        (None, "downloads", 120),
    ]


@pytest.mark.parametrize("column", ["Device", "language", "Carrier", "App_Version_Code"])
def test_a_report_by_another_dimension_never_passes_for_a_total(
    home: Home, land: Land, column: str
) -> None:
    rows = "2026-01-05,com.x.y,one,100\n2026-01-05,com.x.y,,7\n"
    landing = land("google_play_installs.csv", (PLAY.format(f"{column},") + rows).encode())
    assert "would pass for totals" in " ".join(landing.failed)
    assert installs(home) == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_report_carries_the_day_in_its_name(home: Home, packed: bool) -> None:
    text = "Date,Package Name,Daily User Installs\n2026-01-05,com.x.y,{}\n"
    names = ("r_2026-01-08.csv", "r_20260107.csv", "a_2026-01-01_2026-01-09.csv", "plain.csv")
    for number, name in enumerate(names):
        if packed:
            with zipfile.ZipFile(home.folder / f"{number}.zip", "w") as archive:
                archive.writestr(name, text.format(number))
        else:
            (home.folder / name).write_text(text.format(number))
    source = InstallFiles(name="s", format="google_play_installs", uri=str(home.folder))
    land_files(home.con, source, home.settings, NOW)
    found = home.rows("select units, reported_on from raw.store_installs order by 1")
    assert found == [
        (0, datetime(2026, 1, 8)),
        (1, datetime(2026, 1, 7)),
        (2, datetime(2026, 1, 9)),
        (3, None),
    ]


ANALYTICS = "Date,App Name,App Apple Identifier,Download Type,Territory,Device,Counts{}\n"
RESTATED = {
    # a report of the first form, then the newer one, which leaves out a country
    "app_store_analytics": (
        ANALYTICS.format(",Processing Date"),
        "2026-01-05,Loop,555,First-time download,{country},iPhone,{units},{at}\n",
    ),
    "custom": (
        "day,app,land,neu,as_of\n",
        "2026-01-05,555,{country},{units},{at}\n",
    ),
}
OWN: dict[str, Any] = {
    "reader": {"type": "csv"},
    "columns": {
        "store": "'apple'",
        "store_app_id": "app",
        "install_date": "day",
        "country": "land",
        "downloads": "neu",
        "reported_on": "as_of",
    },
}


def write_report(home: Home, form: str, name: str, *rows: tuple[str, int, str]) -> None:
    """A report of rows (country, units, date of the report)."""
    header, row = RESTATED[form]
    text = header + "".join(row.format(country=c, units=u, at=at) for c, u, at in rows)
    text = text.replace(",", "\t") if form == "app_store_analytics" else text
    (home.folder / name).write_text(text)


def dated(home: Home) -> list[tuple[Any, ...]]:
    return home.rows(
        "select country, units, reported_on from raw.store_installs order by reported_on, country"
    )


@pytest.mark.parametrize("form", RESTATED)
@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("b.csv", "a.csv"), ("one.csv", "one.csv")])
@pytest.mark.parametrize("runs", [1, 2])
def test_a_report_carries_its_own_date(
    home: Home, form: str, names: tuple[str, str], runs: int
) -> None:
    """Whatever the files are called and in whatever order they land, also both in one file."""
    older = [("US", 10, "2026-01-06"), ("DE", 4, "2026-01-06")]
    newer = [("US", 12, "2026-01-07 06:30:00")]
    if names[0] == names[1]:
        write_report(home, form, names[0], *newer, *older)
    options: dict[str, Any] = OWN if form == "custom" else {}
    source = InstallFiles(name="s", format=form, uri=str(home.folder), **options)
    for number, rows in enumerate((newer, older)):
        if names[0] != names[1]:
            write_report(home, form, names[number], *rows)
        if number + 1 >= 3 - runs:
            assert land_files(home.con, source, home.settings, NOW).failed == ()
    assert dated(home) == [
        ("DE", 4, datetime(2026, 1, 6)),
        ("US", 10, datetime(2026, 1, 6)),
        ("US", 12, datetime(2026, 1, 7, 6, 30)),
    ]


@pytest.mark.parametrize("form", RESTATED)
def test_the_report_s_own_date_goes_before_that_of_its_file(home: Home, form: str) -> None:
    write_report(home, form, "r_2026-01-20.csv", ("US", 1, "2026-01-06"), ("DE", 2, ""))
    options: dict[str, Any] = OWN if form == "custom" else {}
    source = InstallFiles(name="s", format=form, uri=str(home.folder), **options)
    land_files(home.con, source, home.settings, NOW)
    assert dated(home) == [("US", 1, datetime(2026, 1, 6)), ("DE", 2, datetime(2026, 1, 20))]


@pytest.mark.parametrize("form", RESTATED)
def test_a_report_s_date_that_makes_no_sense_rejects_the_row(home: Home, form: str) -> None:
    rows = [("US", 1, "lately"), ("DE", 2, "2027-01-01"), ("FR", 3, "2026-01-06")]
    write_report(home, form, "r.csv", *rows)
    options: dict[str, Any] = OWN if form == "custom" else {}
    source = InstallFiles(name="s", format=form, uri=str(home.folder), **options)
    land_files(home.con, source, home.settings, NOW)
    assert [row[0] for row in dated(home)] == ["FR"]
    assert [reason for _, reason in home.rejects()] == [
        "date of the report not understood: lately",
        "date of the report in the future: 2027-01-01",
    ]


@pytest.mark.parametrize("newest_by", ["landed", "modified"])
@pytest.mark.parametrize("runs", [1, 2])
def test_without_a_date_landing_or_the_file_says_which_is_newer(
    home: Home, newest_by: Any, runs: int
) -> None:
    """Google Play's file of a month has no day in its name, and is fetched again and again."""
    for name, hour in (("a_202601.csv", 9), ("b_202601.csv", 8)):
        path = home.folder / name
        path.write_text(PLAY.format("Country,") + f"2026-01-05,com.x.y,US,{hour}\n")
        moment = datetime(2026, 1, 6, hour, tzinfo=UTC).timestamp()
        os.utime(path, (moment, moment))
    for number in range(runs):
        source = InstallFiles(
            name="s",
            format="google_play_installs",
            uri=str(home.folder / ("a*", "*")[number + 2 - runs]),
            newest_by=newest_by,
        )
        now = NOW + timedelta(hours=number)
        assert land_files(home.con, source, home.settings, now).failed == ()
    (last,) = home.rows(
        "select units from raw.store_installs order by version_at desc, landing_number desc limit 1"
    )
    assert last == ((8,) if newest_by == "landed" else (9,))
    home.con.execute("create temp table new_extracts as select extract_id from raw.extracts")
    for query in raw_reports().prepare:
        home.con.execute(query)
    warned = home.rows("select days from report_overlaps")
    assert warned == ([(1,)] if newest_by == "landed" else [])


def test_a_file_that_replaces_another_at_its_path_is_newer_without_a_warning(home: Home) -> None:
    path = home.folder / "installs_202601.csv"
    source = InstallFiles(name="s", format="google_play_installs", uri=str(path))
    for hour in (1, 2):
        path.write_text(PLAY.format("") + f"2026-01-05,com.x.y,{hour}\n")
        os.utime(path, (hour, hour))
        land_files(home.con, source, home.settings, NOW + timedelta(hours=hour))
    home.con.execute("create temp table new_extracts as select extract_id from raw.extracts")
    for query in raw_reports().prepare:
        home.con.execute(query)
    assert home.rows("from report_overlaps") == []
    assert len(home.rows("from raw.store_installs")) == 2


def test_a_country_in_small_letters_is_the_same_country(home: Home, land: Land) -> None:
    rows = "2026-01-05,com.x.y,us,1\n2026-01-05,com.x.y,US,2\n"
    land("google_play_installs.csv", (PLAY.format("Country,") + rows).encode())
    assert [row[3:] for row in installs(home)] == [("US", "downloads", 3)]
