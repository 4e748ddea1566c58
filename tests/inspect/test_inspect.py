"""Inspecting: the right format is named, and the entry, pasted, lands what was inspected."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.errors import ExtractError
from flows.inspect import trial
from flows.inspect.trial import Inspection, inspect
from flows.land.source import SourceLanding, land_files
from flows.settings import Settings
from flows.sources import load_sources
from flows.warehouse import connect, create_schemas

FIXTURES = Path(__file__).parent.parent / "fixtures"
VENDORS = {
    f"events/{vendor}/{name}.{suffix}": ("events", vendor)
    for vendor, suffix in {
        "amplitude": "ndjson",
        "mixpanel": "ndjson",
        "ga4": "ndjson",
        "posthog": "ndjson",
        "segment": "ndjson",
        "rudderstack": "ndjson",
        "snowplow": "tsv",
    }.items()
    for name in ("good", "corrupt")
}
CHARTS = {
    f"charts/{name}": ("ranks", name.split(".")[0])
    for name in (
        "apple_rss.json",
        "apple_rss.corrupt.json",
        "itunes_rss.json",
        "itunes_rss.corrupt.json",
    )
}
TRACKERS = {
    f"charts/{name}": ("ranks", "custom") for name in ("tracker.csv", "tracker.corrupt.csv")
}
REPORTS = {
    f"reports/{path.name}": (
        "reviews" if "reviews" in path.name else "installs",
        path.name.split(".")[0],
    )
    for path in sorted((FIXTURES / "reports").iterdir())
}
ALL = VENDORS | CHARTS | TRACKERS | REPORTS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=1)


def pasted(inspection: Inspection, folder: Path) -> SourceLanding:
    """What landing comes to with the proposed sources file."""
    file = folder / "sources.yml"
    file.write_text(inspection.entry, encoding="utf-8")
    sources = load_sources(file)
    settings = Settings(home=folder / "pasted", sources=file)
    (source,) = getattr(sources, inspection.proposal.section)
    with connect(settings) as con:
        create_schemas(con)
        return land_files(con, source, settings, datetime(2026, 6, 1))


@pytest.mark.parametrize(("file", "expected"), ALL.items(), ids=list(ALL))
def test_every_fixture_is_recognised_and_its_entry_lands_it(
    settings: Settings, tmp_path: Path, file: str, expected: tuple[Any, ...]
) -> None:
    inspection = inspect(str(FIXTURES / file), settings)
    assert (inspection.proposal.section, inspection.proposal.format) == expected
    assert inspection.is_whole
    landing = pasted(inspection, tmp_path)
    assert landing.failed == ()
    assert landing.rows_landed == inspection.landing.rows_landed > 0
    assert landing.rows_rejected == sum(count for _, count, _ in inspection.rejects)
    assert (landing.rows_rejected > 0) == ("corrupt" in file)
    assert len(inspection.rows) > 0


def test_packed_as_the_vendors_pack_it(settings: Settings, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        good = (FIXTURES / "events/amplitude/good.ndjson").read_bytes()
        archive.writestr("77/77_2026-01-05_8#0.json.gz", gzip.compress(good))
    (tmp_path / "export.zip").write_bytes(buffer.getvalue())
    assert inspect(str(tmp_path / "export.zip"), settings).proposal.format == "amplitude"
    good = (FIXTURES / "events/segment/good.ndjson").read_bytes()
    (tmp_path / "one.gz").write_bytes(gzip.compress(good.splitlines()[0]))
    assert inspect(str(tmp_path / "one.gz"), settings).proposal.format == "segment"


UNKNOWN = {
    "ragged.txt": " customer  day   price\r\n 0001 19970101  1.5\r\n 0002 19970102 10.0\r\n",
    "spaced.txt": "src dst time\n1 2 1082040961\n3 4 1082155839\n",
    "plain.csv": "userId,Action,occurred_at,country\na,open,2026-01-05T10:00:00Z,DE\n",
    "bare.csv": "17,1767603600\n18,1767603700\n",
    "german.csv": "kunde;wann;was\nx;05.01.2026 10:00;kauf\ny;31.01.2026 10:00;kauf\n",
    "deep.ndjson": '{"who": {"user_id": "a"}, "ts": 1767603600000, "event": "x"}\n' * 2,
    "tabs.tsv": "uid\tevent\ttimestamp\n1\topen\t2026-01-05 10:00:00\n",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_mapping_is_proposed_for_what_nobody_knows(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(UNKNOWN[name].encode())
    inspection = inspect(str(path), settings)
    assert inspection.proposal.format == "custom"
    landing = pasted(inspection, tmp_path)
    assert (landing.failed, landing.rows_rejected) == ((), 0)
    assert landing.rows_landed == len(UNKNOWN[name].strip().splitlines()) - (
        name not in ("bare.csv", "deep.ndjson")
    )


def test_a_capture_of_many_charts_in_one_document(settings: Settings, tmp_path: Path) -> None:
    records = [
        {"country": land, "rank": rank, "appId": f"{land}{rank}", "category": "Games", "title": "T"}
        for land in ("US", "JP")
        for rank in (1, 2, 3)
    ]
    path = tmp_path / "capture.json"
    path.write_text(
        json.dumps({"generatedAt": "2026-01-05T10:00:00.5Z", "n": 3, "records": records}, indent=1)
    )
    inspection = inspect(str(path), settings)
    columns = inspection.proposal.options["columns"]
    assert columns["snapshot_at"] == "document->>'$.generatedAt'"
    assert inspection.proposal.options["reader"] == {"type": "json", "records": "$.records"}
    assert pasted(inspection, tmp_path).rows_landed == 6
    assert inspection.rows[0][5] == 3  # the depth: categories do not make charts


def test_of_a_large_export_the_beginning_is_tried(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SAMPLE_BYTES", 10_000)
    monkeypatch.setattr(trial, "SAMPLE_ROWS", 100)
    rows = "".join(f"u{n},2026-01-05 10:00:00,open\n" for n in range(5000))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(f"user_id,ts,event\n{rows}".encode()))
    inspection = inspect(str(tmp_path / "*.csv.gz"), settings)
    assert not inspection.is_whole
    assert 100 < inspection.landing.rows_landed < 5000
    duckdb.execute(
        f"copy (from read_csv('{tmp_path}/a.csv.gz', all_varchar = true)) to '{tmp_path}/a.parquet'"
    )
    assert inspect(str(tmp_path / "a.parquet"), settings).landing.rows_landed == 100


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "the file is empty"), (b"\x00\x01\x02\x03" * 30, "neither text nor Parquet")],
)
def test_what_is_no_data_is_named(
    settings: Settings, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(ExtractError, match=said):
        inspect(str(tmp_path / "a.bin"), settings)


def test_the_command_shows_entry_rows_and_rejects(tmp_path: Path) -> None:
    file = str(FIXTURES / "events/mixpanel/corrupt.ndjson")
    shown = CliRunner().invoke(app, ["inspect", file, "--app-id", "loop"]).output
    for told in ("format: mixpanel", "app_id: loop", "no user id", "export_timezone", "1 of 7"):
        assert told in shown
    entry = CliRunner().invoke(app, ["inspect", file, "--entry"]).output
    (tmp_path / "sources.yml").write_text(entry)
    assert load_sources(tmp_path / "sources.yml").events[0].format == "mixpanel"


PLAY = "Date,Package name,Country,Daily User Installs,Daily User Uninstalls\n"
APPLE = "Date\tApp Name\tApp Apple Identifier\tDownload Type\tDevice\tTerritory\tCounts\n"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("play.csv", f"{PLAY}2026-01-05,com.x.y,DE,3,1\n", "google_play_installs"),
        ("play.csv", f"{PLAY.upper()}2026-01-05,com.x.y,DE,3,1\n", "google_play_installs"),
        (
            "loaded.csv",
            "_file,_line,date,package_name,country,daily_user_installs,daily_user_uninstalls\n"
            "installs_com.x.y_202601_country.csv,1,2026-01-05,com.x.y,DE,3,1\n",
            "google_play_installs",
        ),
        (
            "play_tabs.tsv",
            f"{PLAY}2026-01-05,com.x.y,DE,3,1\n".replace(",", "\t"),
            "google_play_installs",
        ),
        (
            "apple.tsv",
            f"{APPLE}2026-01-05\tX\t77\tFirst-time download\tiPhone\tUS\t3\n",
            "app_store_analytics",
        ),
        (
            "apple.csv",
            f"{APPLE}2026-01-05\tX\t77\tFirst-time download\tiPhone\tUS\t3\n".replace("\t", ","),
            "app_store_analytics",
        ),
        (
            "loaded_apple.csv",
            "_file,app_apple_identifier,date,download_type,device,territory,counts\n"
            "one.csv,77,2026-01-05,First-time download,iPhone,US,3\n",
            "app_store_analytics",
        ),
    ],
)
def test_a_store_s_report_is_one_however_its_header_is_written(
    settings: Settings, tmp_path: Path, name: str, content: str, form: str
) -> None:
    (tmp_path / name).write_text(content)
    inspection = inspect(str(tmp_path / name), settings)
    assert (inspection.proposal.section, inspection.proposal.format) == ("installs", form)
    landing = pasted(inspection, tmp_path)
    assert (landing.rows_landed, landing.rows_rejected, landing.failed) == (1, 0, ())
    assert "downloads" in {row[4] for row in inspection.rows}


def test_a_report_of_no_vendor_is_installs_and_never_events(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "territories.csv"
    path.write_text(
        "_file,app_id,date,territory,first_time_downloads,deletions,impressions\n"
        "x_1.csv,77,2026-01-05,US,3,1,90\nx_2.csv,77,2026-01-06,US,4,1,80\n"
    )
    inspection = inspect(str(path), settings)
    assert (inspection.proposal.section, inspection.proposal.format) == ("installs", "custom")
    assert pasted(inspection, tmp_path).rows_landed == 2
    assert {(row[4], row[5]) for row in inspection.rows} == {
        ("downloads", 3), ("downloads", 4), ("uninstalls", 1),
    }  # fmt: skip
    assert "impressions" in " ".join(inspection.proposal.notes)
    assert inspection.proposal.weighed[0] == "Events: no column is named as users are."


@pytest.mark.parametrize(
    "content",
    [
        "_file,app_id,date,territory,impressions\nx_1.csv,77,2026-01-05,US,3\n",
        "source,happened\na.csv,2026-01-05\nb.csv,2026-01-06\n",
    ],
)
def test_what_has_no_user_is_not_known(settings: Settings, tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ExtractError, match="not known"):
        inspect(str(tmp_path / "a.csv"), settings)


def test_it_shows_what_it_weighed_and_what_would_not_count(tmp_path: Path) -> None:
    rows = '{"event_type": "x", "event_time": "2026-01-05 10:00:00", "device_id": "d", '
    rows += '"user_id": "u", "uuid": "1", "created_at": "2026-01-05"}\n'
    (tmp_path / "a.ndjson").write_text(rows * 3)
    shown = CliRunner().invoke(app, ["inspect", str(tmp_path / "a.ndjson")]).output
    said = " ".join(shown.split())
    assert "Amplitude export (amplitude): it has no column amplitude_id." in said
    assert "Other columns named as users are: device_id; taken: user_id." in said
    assert "Other columns that hold times: created_at; taken: event_time." in said
    assert (
        "2 rows are duplicates and do not count: their event id is that of an earlier row" in said
    )


FIRST_VERSION = {
    "feed": {
        "id": "https://rss.itunes.apple.com/api/v1/se/ios-apps/top-paid/games/10/explicit.json",
        "country": "se",
        "updated": "2019-03-02T01:00:00.000-08:00",
        "results": [{"id": "7", "name": "Seven"}, {"id": "8", "name": "Eight"}],
    }
}


def test_apple_s_first_version_lands_as_the_chart_that_it_is(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text(json.dumps(FIRST_VERSION))
    inspection = inspect(str(tmp_path / "old.json"), settings)
    assert inspection.proposal.format == "apple_rss"
    assert pasted(inspection, tmp_path).rows_landed == 2
    when = datetime(2019, 3, 2, 9)
    assert inspection.rows[0][:8] == ("apple", "se", "top-paid", "games", when, 2, 1, "7")


def test_charts_of_other_media_are_refused_by_inspect_and_run(
    settings: Settings, tmp_path: Path
) -> None:
    songs = json.dumps(FIRST_VERSION).replace("ios-apps", "apple-music")
    (tmp_path / "songs.json").write_text(songs)
    inspection = inspect(str(tmp_path / "songs.json"), settings)
    assert "names no chart name" in " ".join(inspection.landing.failed)
    assert "names no chart name" in " ".join(pasted(inspection, tmp_path).failed)


def test_a_spreadsheet_s_sep_and_a_header_with_line_breaks(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(
        b'sep=;\r\n"user\r\nid";event;time\r\nu;open;2026-01-05 10:00:00\r\n;;\r\n'
    )
    inspection = inspect(str(tmp_path / "a.csv"), settings)
    landing = pasted(inspection, tmp_path)
    assert (landing.rows_landed, landing.rows_rejected) == (1, 0)


LETTERS = "Zoë fährt zur Côte d'Azur – 5 €"
"""In cp1252, not in ASCII."""


def table(kind: str, name: str) -> str:
    rows = [{"user_id": f"u{n}", "ts": f"2026-01-0{n} 10:00:00", "event": name} for n in (1, 2, 3)]
    if kind == "csv":
        return "user_id;ts;event\n" + "".join(f"{';'.join(row.values())}\n" for row in rows)
    if kind == "ndjson":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return json.dumps(rows, ensure_ascii=False, indent=2)


@pytest.mark.parametrize("kind", ["csv", "ndjson", "json"])
@pytest.mark.parametrize("is_packed", [True, False])
def test_an_encoding_is_proposed_for_text_that_is_not_utf_8(
    settings: Settings, tmp_path: Path, kind: str, is_packed: bool
) -> None:
    content = table(kind, LETTERS).encode("cp1252")
    (tmp_path / "a").write_bytes(gzip.compress(content) if is_packed else content)
    inspection = inspect(str(tmp_path / "a"), settings)
    assert inspection.proposal.options["reader"]["encoding"] == "cp1252"
    assert "taken for cp1252, in which it says" in " ".join(inspection.proposal.notes)
    assert "Zoë fährt" in " ".join(inspection.proposal.notes)
    landing = pasted(inspection, tmp_path)
    assert (landing.rows_landed, landing.rows_rejected, landing.failed) == (3, 0, ())
    assert {row[2] for row in inspection.rows} == {LETTERS}


def test_letters_far_down_are_seen_as_well(settings: Settings, tmp_path: Path) -> None:
    rows = "".join(f"u{n},2026-01-05 10:00:00,open\n" for n in range(9_000))
    text = f"user_id,ts,event\n{rows}u,2026-01-05 10:00:00,{LETTERS}\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    inspection = inspect(str(tmp_path / "a.csv"), settings)
    assert inspection.proposal.options["reader"]["encoding"] == "cp1252"


@pytest.mark.parametrize("damaged", [b"\xe4", b"\xff\xfe", b"\xe9t\xe9"])
def test_a_few_damaged_letters_make_no_other_encoding(
    settings: Settings, tmp_path: Path, damaged: bytes
) -> None:
    text = table("csv", LETTERS).encode() + b"u;2026-01-05 10:00:00;" + damaged + b"\n"
    (tmp_path / "a.csv").write_bytes(text)
    inspection = inspect(str(tmp_path / "a.csv"), settings)
    assert "encoding" not in inspection.proposal.options["reader"]
    assert inspection.rejects == (("not UTF-8 (does the source need encoding?)", 1, 5),)


def test_of_a_vendor_s_export_in_another_encoding_it_is_said(
    settings: Settings, tmp_path: Path
) -> None:
    good = (FIXTURES / "events/amplitude/good.ndjson").read_text(encoding="utf-8")
    (tmp_path / "a").write_bytes(good.replace('"platform": "', '"platform": "é').encode("cp1252"))
    inspection = inspect(str(tmp_path / "a"), settings)
    assert inspection.proposal.format == "amplitude"
    assert "The text is not UTF-8, but perhaps cp1252" in " ".join(inspection.proposal.notes)


TABLES = {
    "a delimiter at the end of each row": "user_id\tts\tevent\t\na\t2026-01-05\topen\t\n",
    "no header, times with blanks": "17,2026-01-05 10:00:00\n18,2026-01-06 10:00:00\n",
    "no header, German times": "ann;05.01.2026 10:00\nbob;31.01.2026 10:00\n",
    "no header, hours up to 12": "ann,01/05/2026 10:00 AM\nbob,01/31/2026 01:00 PM\n",
    "hours up to 12": "user_id,ts\na,01/13/2026 10:00:00 PM\nb,02/14/2026 10:00:00 AM\n",
    "blanks around": "user_id , ts \n a , 01/13/2026 10:00:00 \n b , 01/14/2026 10:00:00 \n",
    "blanks around seconds": "user_id , ts \n a , 1767603600.0 \n b , 1767603700.5 \n",
}


@pytest.mark.parametrize("spelled", TABLES.values(), ids=list(TABLES))
def test_each_row_of_a_table_lands(settings: Settings, tmp_path: Path, spelled: str) -> None:
    (tmp_path / "a.csv").write_text(spelled)
    landing = pasted(inspect(str(tmp_path / "a.csv"), settings), tmp_path)
    has_header = spelled.startswith("user_id")
    rows = spelled.count("\n") - has_header
    assert (landing.rows_landed, landing.rows_rejected, landing.failed) == (rows, 0, ())


DAYS = {
    "01/13/2026 02/01/2026": ("%m/%d/%Y", False),
    "13/01/2026 02/01/2026": ("%d/%m/%Y", False),
    "01/02/2026 02/02/2026 03/02/2026": ("%d/%m/%Y", True),  # three days in a row, not three months
    "02/01/2026 02/02/2026 02/03/2026": ("%m/%d/%Y", True),
    "02/02/2026": ("%m/%d/%Y", True),
    " ".join(["01/02/2026"] * 19 + ["13/02/2026"]): ("%d/%m/%Y", False),
}


@pytest.mark.parametrize(("days", "read"), DAYS.items(), ids=list(DAYS))
@pytest.mark.parametrize("kind", ["events", "charts", "installs"])
def test_of_days_that_could_be_months_it_is_said(
    settings: Settings, tmp_path: Path, days: str, read: tuple[str, bool], kind: str
) -> None:
    head, row = {
        "events": ("user_id,day\n", "u,{}\n"),
        "charts": ("rank,app_id,date\n", "1,7,{}\n"),
        "installs": ("app_id,date,downloads\n", "7,{},3\n"),
    }[kind]
    (tmp_path / "a.csv").write_text(head + "".join(map(row.format, days.split())))
    inspection = inspect(str(tmp_path / "a.csv"), settings)
    form, could_be = read
    assert form in inspection.entry
    assert ("could be" in " ".join(inspection.proposal.notes)) == could_be


@pytest.mark.parametrize("first", ["[", "[" + "\n"])
@pytest.mark.parametrize("last", ["]", "\n]\n"])
@pytest.mark.parametrize("rows", [3, 500])
def test_an_array_with_an_object_on_each_line_is_a_document(
    settings: Settings, tmp_path: Path, first: str, last: str, rows: int
) -> None:
    one = '{"user_id": "u%d", "ts": "2026-01-05 10:00:00"}'
    (tmp_path / "a.json").write_text(first + ",\n".join(one % n for n in range(rows)) + last)
    inspection = inspect(str(tmp_path / "a.json"), settings)
    assert inspection.proposal.options["reader"] == {"type": "json"}
    landing = pasted(inspection, tmp_path)
    assert (landing.rows_landed, landing.rows_rejected) == (rows, 0)


def test_a_header_within_is_no_time(settings: Settings, tmp_path: Path) -> None:
    rows = "user_id,ts\na,01/13/2026 10:00:00\n" * 3
    (tmp_path / "a.csv").write_text(rows)
    landing = pasted(inspect(str(tmp_path / "a.csv"), settings), tmp_path)
    assert (landing.rows_landed, landing.rows_rejected) == (3, 2)


@pytest.mark.parametrize(
    "above", ["# my app, January", "Export of 2026-02-01\nAll users", "Report"]
)
def test_lines_above_the_table_are_named(settings: Settings, tmp_path: Path, above: str) -> None:
    rows = "user_id;ts;event\na;2026-01-05;open\nb;2026-01-05;open\n"
    (tmp_path / "a.csv").write_text(f"{above}\n{rows}")
    lines = above.count("\n") + 1
    with pytest.raises(ExtractError, match=f"line {lines} is not part of the table below it"):
        inspect(str(tmp_path / "a.csv"), settings)
