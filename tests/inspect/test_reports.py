"""A store's report is never proposed as events, however its header is written."""

from __future__ import annotations

import itertools
from pathlib import Path

import duckdb
import pytest
import yaml

from flows.errors import ExtractError
from flows.inspect.trial import Inspection, inspect
from flows.settings import Settings

PLAY = "Date,Package name,Daily Device Installs,Daily Device Upgrades,Daily User Installs,"
PLAY += "Daily User Uninstalls"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=1)


def inspected(settings: Settings, path: Path, text: str, encoding: str = "utf-8") -> Inspection:
    path.write_bytes(text.encode(encoding))
    return inspect(str(path), settings)


@pytest.mark.parametrize("loaded", [False, True], ids=["as written", "with a loader's columns"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("thousands", [".", ",", "'"])
def test_a_report_of_google_play_in_any_encoding_and_with_any_thousands(
    settings: Settings, tmp_path: Path, encoding: str, thousands: str, loaded: bool
) -> None:
    def count(number: int) -> str:
        return '"' + f"{number:,}".replace(",", thousands) + '"'

    rows = [
        f"2026-01-0{day},com.x.y,{count(1500)},{count(20)},{count(1234 * day)},{count(7)}"
        for day in (1, 2, 9)
    ]
    head = PLAY
    if loaded:
        head = "_file,_line," + PLAY.lower().replace(" ", "_")
        rows = [f"installs_com.x.y_202601.csv,{n},{row}" for n, row in enumerate(rows)]
    text = "\n".join([head, *rows]) + "\n"
    inspection = inspected(settings, tmp_path / "installs.csv", text, encoding)
    assert (inspection.proposal.section, inspection.proposal.format) == (
        "installs", "google_play_installs",
    )  # fmt: skip
    assert inspection.landing.failed == ()
    assert {row[5] for row in inspection.rows if row[4] == "downloads"} >= {1234}
    assert inspection.rejects == ()


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize(
    ("header", "sample"),
    [
        ("Tag,App,Land,Downloads", "DE"),
        ("Datum,Paketname,Land,Installationen", "DE"),
        ("Date,App ID,Country,Downloads", "FR"),
    ],
)
def test_thousands_of_a_report_in_german_are_numbers(
    settings: Settings, tmp_path: Path, header: str, sample: str, delimiter: str
) -> None:
    rows = [
        f"2026-01-0{day},com.x.y,{sample},{count}"
        for day, count in enumerate(("1.234", "12.345", "987"), 1)
    ]
    text = "\n".join([header, *rows]).replace(",", delimiter) + "\n"
    inspection = inspected(settings, tmp_path / "r.csv", text)
    assert inspection.proposal.section == "installs"
    assert sorted(row[5] for row in inspection.rows) == [987, 1234, 12345]
    assert any("1.234" in note for note in inspection.proposal.notes)


@pytest.mark.parametrize(
    ("with_event", "kinds", "counted"),
    [
        (False, ("First-time download", "Redownload", "Auto-update"),
         {"downloads": 1, "redownloads": 2, "updates": 3}),
        (True, ("Install", "Delete"), {"installs": 1, "uninstalls": 2}),
    ],
)  # fmt: skip
def test_app_store_analytics_in_a_loader_s_columns_count_by_kind(
    settings: Settings,
    tmp_path: Path,
    with_event: bool,
    kinds: tuple[str, ...],
    counted: dict[str, int],
) -> None:
    head = "_fivetran_id,app_id,date,download_type,device,territory,counts"
    head += ",event" if with_event else ""
    rows = [
        f"k{n},77,2026-01-05,{'Redownload' if with_event else kind},iPhone,US,{n}"
        + (f",{kind}" if with_event else "")
        for n, kind in enumerate(kinds, 1)
    ]
    inspection = inspected(settings, tmp_path / "d.csv", "\n".join([head, *rows]) + "\n")
    assert inspection.proposal.section == "installs"
    assert {row[4]: row[5] for row in inspection.rows if row[5]} == counted
    assert inspection.rejects == ()


OF_NO_USERS = {
    "subscribers": ("_filename,account_number,vendor_number,event_date,app_name,event,quantity",
                    "s.txt,85,86,2026-01-05,Chat,Renew,3"),
    "subscriptions": ("vendor_number,app_name,app_apple_id,date,customer_price,country",
                      "86,Chat,77,2026-01-05,4.99,US"),
    "earnings": ("_file,_modified,description,transaction_date,product_title,sku_id,buyer_country",
                 "e.zip,2026-01-06 10:00:00,GPA.1,2026-01-05,Chat,com.x.y.pro,US"),
    "apps": ("id,name,is_enabled,_fivetran_synced", "77,Chat,true,2026-01-06 10:00:00"),
    "ratings": (",_file,date,package_name,daily_average_rating,_fivetran_synced",
                "0,r.csv,2026-01-05,com.x.y,4.5,2026-01-06 10:00:00"),
    "impressions": ("date,app_name,territory,impressions", "2026-01-05,Chat,US,12"),
    "German": ("Tag;App;Land;Umsatz", "2026-01-05;Chat;DE;1.234"),
    "countries": ("country_name,code_numeric,region", "Sweden,752,Europe"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "form"), list(itertools.product(OF_NO_USERS, ("csv", "ndjson", "parquet")))
)
def test_a_report_that_is_not_known_is_not_events(
    settings: Settings, tmp_path: Path, kind: str, form: str
) -> None:
    head, row = OF_NO_USERS[kind]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([head, row, row, row]) + "\n")
    if form != "csv":
        delimiter = ";" if ";" in head else ","
        to = tmp_path / f"a.{form}"
        duckdb.execute(
            f"copy (from read_csv('{path}', delim = '{delimiter}', header = true, "
            f"all_varchar = true)) to '{to}' "
            f"(format {'json' if form == 'ndjson' else form})"
        )
        path = to
    with pytest.raises(ExtractError, match="not known: "):
        inspect(str(path), settings)


def test_what_it_was_weighed_against_is_said(settings: Settings, tmp_path: Path) -> None:
    text = "app_id,date,territory,device,impressions\n77,2026-01-05,US,iPhone,3\n"
    with pytest.raises(ExtractError, match=r"Weighed: App Store Connect analytics report"):
        inspected(settings, tmp_path / "a.csv", text)


def test_an_app_beside_a_user_is_an_event_s(settings: Settings, tmp_path: Path) -> None:
    text = "app_name,user_id,event,at\nChat,u1,open,2026-01-05 10:00:00\n"
    inspection = inspected(settings, tmp_path / "a.csv", text)
    (entry,) = yaml.safe_load(inspection.entry)["events"]
    assert entry["columns"]["user_id"] == "user_id"


def test_of_several_that_could_be_users_all_are_named(settings: Settings, tmp_path: Path) -> None:
    text = "kunde,konto,wann,country\nx,k1,2026-01-05 10:00:00,DE\n"
    inspection = inspected(settings, tmp_path / "a.csv", text)
    said = " ".join(inspection.proposal.notes)
    assert "kunde is a guess, as konto would be. Check columns.user_id." in said
