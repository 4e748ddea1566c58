"""What the files at hand contradict is found before a run starts, all of it at once."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from flows.errors import ConfigurationError
from flows.formats.not_utf8 import likely_encoding
from flows.land.source import land_files
from flows.preflight import check_against_files
from flows.settings import Settings
from flows.source_lines import line_of_setting
from flows.sources import load_sources
from flows.warehouse import connect, create_schemas

AFTERHYPE = str(Path(sys.executable).with_name("afterhype"))
ROWS = "who,at,what\nu1,2026-01-01T08:00:00,open\n"
COLUMNS = {"user_id": "who", "event_time": "at", "event_name": "what"}


def write(folder: Path, *entries: dict[str, Any], section: str = "events") -> Settings:
    """A sources file of these entries, whose names are their positions."""
    app = {"app_id": "app"} if section == "events" else {}
    document = {
        "apps": [{"app_id": "app", "name": "App"}],
        section: [
            {"name": f"s{n}", **app, "format": "custom", **one} for n, one in enumerate(entries)
        ],
    }
    file = folder / "sources.yml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return Settings(home=folder / "home", sources=file)


def faults(settings: Settings) -> list[str]:
    try:
        check_against_files(settings, load_sources(settings.sources))
    except ConfigurationError as error:
        return [line.removeprefix(f"{settings.sources}, ") for line in str(error).splitlines()]
    return []


def custom(uri: str, columns: dict[str, str] | None = None, **reader: Any) -> dict[str, Any]:
    return {
        "uri": uri,
        "reader": {"type": "csv"} | reader,
        "columns": COLUMNS | (columns or {}),
    }


def test_every_fault_is_named_with_its_line_at_once(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "a.csv").write_text(ROWS)
    settings = write(
        tmp_path,
        custom("exports/a.csv", {"user_id": "whom", "channel": "upper(source)"}),
        custom("exprots/*.csv"),
        custom("exports/a.csv"),
    )
    lines = settings.sources.read_text().splitlines()
    first, second, third = faults(settings)
    a_file = tmp_path / "exports" / "a.csv"
    at = lines.index("    user_id: whom") + 1
    assert first == (
        f"line {at}: events[0].columns.user_id: s0: {a_file} has no column whom "
        "(did you mean who?). Its columns: who, at, what"
    )
    assert second.startswith(f"line {at + 3}: events[0].columns.channel: s0:")
    assert third.startswith(f"line {lines.index('  uri: exprots/*.csv') + 1}: events[1].uri: s1:")
    assert third.endswith(f"In {tmp_path} there is: exports.")


@pytest.mark.parametrize("command", ["run", "land", "check"])
def test_it_is_a_matter_of_a_second_and_nothing_is_made(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    settings = write(tmp_path, custom("a.csv", {"event_time": "att"}))
    began = time.monotonic()
    done = subprocess.run(
        [AFTERHYPE, command, "--sources", settings.sources, "--home", settings.home],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no column att (did you mean at" in done.stderr
    assert time.monotonic() - began < 10  # a second on a quiet machine
    assert not settings.home.exists()


def packed(folder: Path, kind: str, text: str) -> str:
    """A file of this kind with the text's rows; its name."""
    if kind == "gzip":
        (folder / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
        return "a.csv.gz"
    if kind == "zip":
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.writestr("a.csv", text)
        return "a.zip"
    if kind == "utf-16":
        (folder / "a.csv").write_text(text, encoding="utf-16")
        return "a.csv"
    (folder / "a.csv").write_text(text)
    if kind == "parquet":
        duckdb.execute(f"copy (from '{folder}/a.csv') to '{folder}/a.parquet'")
        return "a.parquet"
    if kind == "ndjson":
        duckdb.execute(f"copy (from '{folder}/a.csv') to '{folder}/a.json' (format json)")
        return "a.json"
    return "a.csv"


@pytest.mark.parametrize("kind", ["csv", "gzip", "zip", "utf-16", "parquet", "ndjson"])
def test_of_every_kind_of_file_the_head_is_read(tmp_path: Path, kind: str) -> None:
    name = packed(tmp_path, kind, ROWS + "u2,2026-01-02T08:00:00,open\n" * 30)
    reader: dict[str, Any] = {"type": kind if kind in ("parquet", "ndjson") else "csv"}
    assert faults(write(tmp_path, custom(name, **reader))) == []
    (fault,) = faults(write(tmp_path, custom(name, {"user_id": "whoo"}, **reader)))
    assert "has no column whoo (did you mean who?)" in fault


@pytest.mark.parametrize(
    "expression",
    ["Who", '"WHO"', "coalesce(new_name, who)", "'all'", "lower(who) || '@' || what", "filename"],
)
def test_what_the_file_can_give_is_no_fault(tmp_path: Path, expression: str) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    assert faults(write(tmp_path, custom("a.csv", {"user_id": expression}))) == []


def test_what_is_no_sql_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    (fault,) = faults(write(tmp_path, custom("a.csv", {"user_id": "lower(who"})))
    assert "columns.user_id: not an SQL expression" in fault


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_wrong_delimiter_is_called_that(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.csv").write_text(ROWS.replace(",", delimiter))
    (fault,) = faults(write(tmp_path, custom("a.csv")))
    assert ".reader.delimiter: s0: " in fault
    assert f"has {delimiter!r} between its columns, not ','" in fault
    assert faults(write(tmp_path, custom("a.csv", delimiter=delimiter))) == []


GERMAN = (
    "who,at,what,country\n" + "J\u00f6rg,2026-01-01T08:00:00,ge\u00f6ffnet,\u00d6sterreich\n" * 20
)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_a_wrong_encoding_is_called_that_and_one_proposed(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(GERMAN.encode(encoding))
    (fault,) = faults(write(tmp_path, custom("a.csv")))
    assert "events[0].reader.encoding: s0: " in fault
    assert "is not UTF-8, most likely cp1252" in fault
    assert faults(write(tmp_path, custom("a.csv", encoding="cp1252"))) == []


def test_a_vendor_s_file_in_another_encoding_takes_the_setting_too(tmp_path: Path) -> None:
    rows = "2026-01-05,com.x.y,\u00c5land,7\n" * 3
    text = "Date,Package Name,Country,Daily User Installs\n" + rows
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    entry = {"uri": "a.csv", "format": "google_play_installs"}
    (fault,) = faults(write(tmp_path, entry, section="installs"))
    assert "installs[0].encoding: s0: " in fault
    settings = write(tmp_path, entry | {"encoding": "cp1252"}, section="installs")
    assert faults(settings) == []
    (source,) = load_sources(settings.sources).installs
    with connect(settings) as con:
        create_schemas(con)
        land_files(con, source, settings, datetime(2026, 2, 1))
        found = con.execute("select country, units from raw.store_installs").fetchall()
    assert found == [("\u00c5LAND", 21)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", None),
        (b"a,b\nplain,1\n", None),
        ("a,b\n\u00e4,\u4e2d\n".encode(), None),
        ("a,b\n\u4e2d\u6587".encode()[:-1], None),  # cut off within a letter
        (b"a,b\n" + b"x,1\n" * 50 + b"\xe4,2\n", None),  # one damaged line
        (b"gr\xf6\xdfe,b\nx,1\n", "cp1252"),  # in the header
        (b"a\n\xe4\n\xf6\n\x80\n", "cp1252"),
        (b"a\n\xe4\n\xf6\n\x81\n", "latin-1"),
    ],
)
def test_text_of_an_older_encoding_is_told_from_damage(text: bytes, expected: str | None) -> None:
    assert likely_encoding(text) == expected


def test_a_file_of_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    settings = write(
        tmp_path, {"uri": "a.csv", "format": "google_play_installs"}, section="installs"
    )
    assert "installs[0].format: s0: " in faults(settings)[0]


def test_one_file_that_has_the_column_is_enough(tmp_path: Path) -> None:
    """Exports change; the one that differs fails by itself, and the others land."""
    (tmp_path / "a.csv").write_text(ROWS)
    (tmp_path / "b.csv").write_text(ROWS.replace("who", "person"))
    (tmp_path / "c.csv").write_text("<html>no export today</html>")
    assert faults(write(tmp_path, custom("*.csv"))) == []


def test_a_source_that_had_files_may_have_none_or_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(ROWS)
    settings = write(tmp_path, custom("a.csv"))
    (source,) = load_sources(settings.sources).events
    with connect(settings) as con:
        create_schemas(con)
        assert land_files(con, source, settings, datetime(2026, 2, 1)).rows_landed == 1
    path.write_text(ROWS.replace("who", "person"))
    assert faults(settings) == []  # it was there yesterday: the export has drifted
    (fault,) = faults(write(tmp_path, custom("a.csv", {"user_id": "whom"})))
    assert "columns.user_id" in fault  # it never was
    path.unlink()
    assert faults(settings) == []
    (fault,) = faults(write(tmp_path, custom("a.csv"), custom("b.csv")))
    assert "events[1].uri" in fault


def test_files_that_cannot_be_read_are_left_to_the_landing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\x1f\x8b broken")
    (tmp_path / "b.json").write_text("no json\n")
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04 broken")
    settings = write(
        tmp_path, custom("a.csv"), custom("b.json", type="ndjson"), custom("c.zip"),
        custom("s3://bucket/*.csv"),
    )  # fmt: skip
    assert faults(settings) == []


def test_lines_of_settings() -> None:
    text = "# comment\na:\n  - x: 1\n    y: {z: 2}\n  - {x: 3, y: 4}\n"
    assert line_of_setting(text, ("a", 0, "y", "z")) == 4
    assert line_of_setting(text, ("a", 1, "y")) == 5
    assert line_of_setting(text, ("a", 1, "none", "below")) == 5
    assert line_of_setting(text, ("b",)) == 1


@pytest.mark.parametrize("text", ["who,at,what,gr\u00f6\u00dfe\n", "gr\u00f6\u00dfe,at,what,who\n"])
def test_landing_names_a_header_in_another_encoding(tmp_path: Path, text: str) -> None:
    """Not the line below it, which DuckDB would take for the header."""
    (tmp_path / "a.csv").write_bytes((text + "u1,2026-01-01,open,1\n").encode("latin-1"))
    settings = write(tmp_path, custom("a.csv"))
    (source,) = load_sources(settings.sources).events
    with connect(settings) as con:
        create_schemas(con)
        landing = land_files(con, source, settings, datetime(2026, 2, 1))
    (message,) = landing.failed
    assert "its header is not UTF-8, most likely cp1252" in message


def test_landing_names_a_wrong_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS.replace(",", ";"))
    settings = write(tmp_path, custom("a.csv"))
    (source,) = load_sources(settings.sources).events
    with connect(settings) as con:
        create_schemas(con)
        landing = land_files(con, source, settings, datetime(2026, 2, 1))
    (message,) = landing.failed
    assert "has ';' between its columns" in message
    assert "Correct reader.delimiter" in message
