"""What tables and objects look like in the wild lands as the same table written with care does."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from flows.land.events import land_events
from flows.settings import Settings
from flows.sources import EventSource
from tests.land.conftest import BY_NAME, NOW, Land
from tests.presence import extracts_of

HEADER = "who,at,what,id"
ROWS = [f"u{n},2026-01-0{1 + n % 5} 10:00:00,open,e{n}" for n in range(12)]
TABLE = "\n".join([HEADER, *ROWS]) + "\n"


def count(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    row = con.execute("select count(*), count(distinct user_key) from raw.app_events").fetchone()
    assert row is not None
    return row


def rejects(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return con.execute("select line_number, reason from raw.rejects order by all").fetchall()


MIXED = {
    "header CRLF, rows LF": TABLE.replace("\n", "\r\n", 1),
    "header LF, rows CRLF": TABLE.replace("\n", "\r\n").replace("\r\n", "\n", 1),
    "CR throughout": TABLE.replace("\n", "\r"),
    "header LF, rows CR": TABLE.replace("\n", "\r").replace("\r", "\n", 1),
    "the last rows CRLF": "\r\n".join(TABLE.rsplit("\n", 4)),
    "no end": TABLE.rstrip(),
    "blank lines between": TABLE.replace("\n", "\n\n"),
    "sep": f"sep=,\n{TABLE}",
    "sep of a spreadsheet": "\ufeffSEP=;\r\n" + TABLE.replace(",", ";").replace("\n", "\r\n"),
    "sep, quoted": '"sep=|"\n' + TABLE.replace(",", "|"),
    "empty rows": TABLE + ",,,\n" * 5,
    "empty rows in between": TABLE.replace("\n", "\n,,,\n"),
    "a header with line breaks": TABLE.replace("who", '"who\nis\nit"', 1),
}


@pytest.mark.parametrize("spelled", MIXED.values(), ids=list(MIXED))
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_lands_whole_however_its_lines_are_written(
    con: duckdb.DuckDBPyConnection, land: Land, spelled: str, name: str
) -> None:
    content = gzip.compress(spelled.encode()) if name.endswith(".gz") else spelled.encode()
    columns = BY_NAME | ({"user_id": "who_is_it"} if "is\nit" in spelled else {})
    _, landed = land(name, content, columns=columns)
    assert (landed.rows_seen, landed.rows_landed, landed.rows_rejected) == (12, 12, 0)
    assert count(con) == (12, 12)
    assert con.execute("select distinct event_name from raw.app_events").fetchall() == [("open",)]


def test_empty_rows_are_told_from_rows_of_which_nothing_is_mapped(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    _, landed = land(
        "a.csv",
        f"{HEADER},more\n" + "".join(f"{row},\n" for row in ROWS) + ",,,,\n,,,,note\n,,,,\n",
    )
    assert (landed.rows_seen, landed.rows_landed, landed.rows_rejected) == (13, 12, 1)
    assert rejects(con) == [(15, "no user id")]


def test_the_line_of_a_reject_is_the_one_an_editor_shows(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    land(
        "a.csv",
        f'\r\nsep=,\n{HEADER}\nu,2026-01-01,"two\nlines",1\r\n\n,2026-01-01,x,2\nu,"2026\n01",x,3\n',
    )
    assert rejects(con) == [
        (7, "no user id"),
        (8, "event time not understood: 2026\n01"),
    ]


NAMED = {"events.csv", "events.csv.gz", "events.CSV.GZ", "events.txt.zst", "events", "events.zip"}


@pytest.mark.parametrize(
    ("name", "packing"),
    [
        (name, packing)
        for name in sorted(NAMED)
        for packing in ("plain", "gzip", "zstd", "utf-16", "utf-16 in gzip", "zip")
        # half a zip is plain text, too: it is refused
        if name != "events.zip" or packing not in ("plain", "utf-16")
    ],
)
def test_the_bytes_decide_how_a_file_is_packed(
    con: duckdb.DuckDBPyConnection, land: Land, tmp_path: Path, name: str, packing: str
) -> None:
    _, landed = land(name, packed(packing, tmp_path))
    assert (landed.rows_landed, landed.rows_rejected) == (12, 0)


def packed(packing: str, folder: Path) -> bytes:
    plain = TABLE.encode()
    match packing:
        case "gzip":
            return gzip.compress(plain)
        case "utf-16":
            return TABLE.encode("utf-16")
        case "utf-16 in gzip":
            return gzip.compress(TABLE.encode("utf-16"))
        case "zstd":
            (folder / "plain.csv").write_bytes(plain)
            duckdb.execute(
                f"copy (from read_csv('{folder}/plain.csv', all_varchar = true)) "
                f"to '{folder}/packed.csv.zst' (format csv, compression zstd)"
            )
            return (folder / "packed.csv.zst").read_bytes()
        case "zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("gzip by another name.csv", gzip.compress(plain))
                archive.writestr("plain.csv.gz", f"{HEADER}\n")
            return buffer.getvalue()
        case _:
            return plain


OWN_NAMES = (
    "line_number", "position", "file_index", "filename", "file_row_number", "part", "document",
    "record", "reason", "line", "last_line", "half", "kinds", "row_text", "member", "content",
    "event_time", "user_id", "value", "name", "column_name",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "ndjson", "json", "parquet"])
def test_columns_may_have_any_name_that_landing_uses_itself(
    con: duckdb.DuckDBPyConnection, land: Land, tmp_path: Path, kind: str
) -> None:
    names = [name for name in OWN_NAMES if kind != "json" or name != "document"]
    table = [
        {"who": who, "at": "2026-01-01", **{name: f"{name} {n}" for name in names}}
        for n, who in enumerate(("ann", "", "cleo"))
    ]
    columns = {
        "user_id": "who",
        "event_time": "at",
        "event_name": "line_number",
        "properties": "json_object(" + ", ".join(f"'{n}', \"{n}\"" for n in names) + ")",
    }
    _, landed = land(f"a.{kind}", written(table, kind, tmp_path), columns=columns, type=kind)
    assert (landed.rows_landed, landed.rows_rejected) == (2, 1)
    shown = con.execute("select event_name, properties::varchar from raw.app_events order by 1")
    assert [(name, json.loads(more)) for name, more in shown.fetchall()] == [
        (f"line_number {n}", {name: f"{name} {n}" for name in names}) for n in (0, 2)
    ]
    ((line, reason, rejected),) = con.execute(
        "select line_number, reason, line from raw.rejects"
    ).fetchall()
    assert (line, reason) == (3 if kind == "csv" else 2, "no user id")
    assert json.loads(rejected)["reason"] == "reason 1"


def written(table: Sequence[dict[str, str]], kind: str, folder: Path) -> bytes:
    lines = "".join(json.dumps(row) + "\n" for row in table)
    if kind == "ndjson":
        return lines.encode()
    if kind == "json":
        return json.dumps(table).encode()
    if kind == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
        return buffer.getvalue().encode()
    (folder / "rows.ndjson").write_text(lines)
    duckdb.execute(f"copy (from read_json('{folder}/rows.ndjson')) to '{folder}/rows.parquet'")
    return (folder / "rows.parquet").read_bytes()


def test_two_files_with_a_column_of_duckdb_s_own_name_keep_their_values(
    con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(
            f"who,at,file_index\n{name}1,2026-01-01,7\n{name}2,2026-01-01,\n"
        )
    source = EventSource(
        name="s",
        app_id="app",
        uri=str(tmp_path / "*.csv"),
        reader={"type": "csv"},
        columns={"user_id": "who", "event_time": "at", "event_name": "coalesce(file_index, 0)"},
    )
    extracts = extracts_of(source, tmp_path / "a.csv", tmp_path / "b.csv")
    land_events(con, extracts, source, settings, NOW)
    found = con.execute("select event_name, count(*) from raw.app_events group by 1 order by 1")
    assert found.fetchall() == [("0", 2), ("7", 2)]


OBJECT = '{"who": "u", "at": "2026-01-01", "what": "open", "id": "%s", "more": "%s"}'


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"party \ud83d", r"party \ud83d"),
        (r"\udc00 first", r"\udc00 first"),
        (r"both \ud83d\ude00 and \ud83d", r"both 😀 and \ud83d"),
        (r"two high ones \ud83d\ud83d\ude00", r"two high ones \ud83d😀"),
        (r"no escape: \\ud83d, an escape: \ud83d", r"no escape: \ud83d, an escape: \ud83d"),
        ("tab\there", "tab\there"),
        ("bell\x07, unit\x1f", "bell\x07, unit\x1f"),
        ("null\x00byte", "null\x00byte"),
        ("\x01 and \\ud800 and \\n", "\x01 and \\ud800 and \n"),
    ],
)
@pytest.mark.parametrize("is_mapped", [True, False])
def test_what_strict_json_refuses_costs_nothing(
    con: duckdb.DuckDBPyConnection, land: Land, written: str, read: str, is_mapped: bool
) -> None:
    text = OBJECT % (1, written) + "\n" + OBJECT % (2, "fine") + "\n"
    columns = BY_NAME | ({"channel": "more"} if is_mapped else {})
    _, landed = land("a.ndjson", text, type="ndjson", columns=columns)
    assert (landed.rows_landed, landed.rows_rejected) == (2, 0)
    if is_mapped:
        found = con.execute("select channel from raw.app_events where channel <> 'fine'")
        assert found.fetchall() == [(read,)]


def test_objects_that_share_a_line_are_rows(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    good = [OBJECT % (n, "}{ in a text") for n in range(6)]
    text = f'{good[0]}{good[1]} {good[2]}\n{good[3]}\n{good[4]}{{"broken}}{good[5]}\n'
    _, landed = land("a.ndjson", text, type="ndjson")
    assert (landed.rows_landed, landed.rows_rejected) == (6, 1)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, b""])
def test_objects_whose_lines_end_in_two_ways_keep_their_numbers(
    con: duckdb.DuckDBPyConnection, land: Land, mark: bytes
) -> None:
    lines = [OBJECT % (n, "") for n in range(4)]
    lines[2] = "nonsense"
    text = f"{lines[0]}\n{lines[1]}\r\n{lines[2]}\r\n{lines[3]}\r\n"
    land("a.ndjson", mark + text.encode(), type="ndjson")
    assert rejects(con) == [(3, "not a JSON object")]
