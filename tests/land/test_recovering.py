"""A quote out of place costs its own row; values with line breaks stay whole; no line is lost."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from flows.errors import ExtractError
from flows.land.events import land_events
from flows.settings import Settings
from flows.sources import EventSource
from flows.warehouse import connect, create_schemas
from tests.land.conftest import BY_NAME, NOW, Land
from tests.presence import extracts_of

HEADER = "who,at,what,id\n"


def good(first: int, count: int, delimiter: str = ",") -> str:
    return "".join(
        delimiter.join((f"u{n}", f"2026-01-{1 + n % 28:02} 10:00:00", "open", f"e{n}")) + "\n"
        for n in range(first, first + count)
    )


def rejects(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return con.execute("select line_number, reason from raw.rejects order by all").fetchall()


STRAY = {
    "at the start": '"Big Al,2026-01-01 10:00:00,open,x\n',
    "in the middle": 'al,"2026-01-01 10:00:00,open,x\n',
    "in the last column": 'al,2026-01-01 10:00:00,open,"x\n',
    "after a proper one": '"al",2026-01-01 10:00:00,"open,x\n',
    "with doubled ones": '"Big ""Al""",2026-01-01 10:00:00,"op ""en,x\n',
    "closed too early": '"al" b,2026-01-01 10:00:00,"open,x\n',
}


@pytest.mark.parametrize("line", STRAY.values(), ids=list(STRAY))
@pytest.mark.parametrize("packed", [False, True])
def test_an_open_quote_costs_its_own_row(
    con: duckdb.DuckDBPyConnection, land: Land, line: str, packed: bool
) -> None:
    text = HEADER + good(0, 30) + line + good(30, 30)
    content = gzip.compress(text.encode()) if packed else text.encode()
    _, landed = land("a.csv.gz" if packed else "a.csv", content)
    assert (landed.rows_seen, landed.rows_landed, landed.rows_rejected) == (61, 60, 1)
    assert rejects(con) == [(32, "a quote is not closed")]


@pytest.mark.parametrize("line", STRAY.values(), ids=list(STRAY))
def test_two_open_quotes_do_not_close_each_other(
    con: duckdb.DuckDBPyConnection, land: Land, line: str
) -> None:
    text = HEADER + good(0, 10) + line + good(10, 20) + line + good(30, 10)
    _, landed = land("a.csv", text)
    assert (landed.rows_landed, landed.rows_rejected) == (40, 2)
    assert [number for number, _ in rejects(con)] == [12, 33]


def test_an_open_quote_at_the_very_end(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    _, landed = land("a.csv", HEADER + good(0, 10) + '"al,2026-01-01,open,x\n')
    assert (landed.rows_landed, landed.rows_rejected) == (10, 1)


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "\n",
        "ends with a break\n",
        "\nbegins with one",
        'a "word"\nin "quotes"',
        "prose, with, commas\nand more, of, them",
        "many\n\n\nlines\nof\ntext",
        '"\n"',
        "windows\r\nlines",
    ],
)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_values_with_line_breaks_stay_whole_beside_an_open_quote(
    con: duckdb.DuckDBPyConnection, land: Land, text: str, place: int
) -> None:
    cells = ["al", "2026-01-01 10:00:00", "said", "x"]
    cells[place] = text
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    row = buffer.getvalue()
    stray = STRAY["at the start"]
    many = (
        HEADER + good(0, 10) + row + stray + good(10, 10) + row.replace("2026-01-01", "2026-01-02")
    )
    _, landed = land("a.csv", many, columns={**BY_NAME, "properties": "json_object('w', what)"})
    assert (landed.rows_rejected, landed.rows_seen) == (1, 23)
    if place == 2:
        # within a text whose lines end in two ways a break is one
        found = con.execute(
            "select properties->>'w' from raw.app_events where event_name <> 'open'"
        )
        assert {value.replace("\r\n", "\n") for (value,) in found.fetchall()} == {
            text.replace("\r\n", "\n")
        }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "||"])
def test_backslashes_escape_where_more_lines_make_sense_so(
    con: duckdb.DuckDBPyConnection, land: Land, delimiter: str
) -> None:
    words = (r"{\"a\": \"b" + delimiter + r"c\"}", r"C:\\dir\\", r"say \"hi\"", "plain")
    text = delimiter.join(("who", "at", "what", "id")) + "\n"
    text += "".join(
        delimiter.join((f"u{n}", "2026-01-01", f'"{word}"', f"e{n}")) + "\n"
        for n, word in enumerate(words)
    )
    _, landed = land("a.csv", text, delimiter=delimiter)
    assert (landed.rows_landed, landed.rows_rejected) == (4, 0)
    found = con.execute("select event_name from raw.app_events order by event_id")
    assert {name for (name,) in found.fetchall()} == {
        '{"a": "b' + delimiter + 'c"}', "C:\\dir\\", 'say "hi"', "plain",
    }  # fmt: skip


def test_a_backslash_at_the_end_of_a_value_is_one(
    con: duckdb.DuckDBPyConnection, land: Land
) -> None:
    _, landed = land("a.csv", HEADER + 'u,2026-01-01,"C:\\",1\nv,2026-01-01,"D:\\\nE",2\n')
    assert (landed.rows_landed, landed.rows_rejected) == (2, 0)
    found = con.execute("select event_name from raw.app_events order by 1").fetchall()
    assert found == [("C:\\",), ("D:\\\nE",)]


def test_without_quotes_every_line_is_a_row(con: duckdb.DuckDBPyConnection, land: Land) -> None:
    text = HEADER + good(0, 5) + '\n"al,2026-01-01,"open,x\n' + good(5, 5)
    _, landed = land("a.csv", text, quote="")
    assert (landed.rows_landed, landed.rows_rejected) == (11, 0)
    found = con.execute("select event_name from raw.app_events where event_name <> 'open'")
    assert found.fetchall() == [('"open',)]


ENDS = {
    "a message": ("export terminated early\n", "a message, not a row"),
    "without a line end": ("Query exceeded resource limits", "a message, not a row"),
    "cut off": ("u9,2026-01", "cut off"),
    "cut off in a quote": ('u9,2026-01-01,"op', "cut off"),
}


@pytest.mark.parametrize(("end", "said"), ENDS.values(), ids=list(ENDS))
@pytest.mark.parametrize("packed", [False, True])
def test_an_export_that_ended_early_does_not_land(
    con: duckdb.DuckDBPyConnection, land: Land, end: str, said: str, packed: bool
) -> None:
    content = (HEADER + good(0, 20) + end).encode()
    with pytest.raises(ExtractError, match=said):
        land("a.csv", gzip.compress(content) if packed else content)
    assert con.execute("select status, rows_landed from raw.extracts").fetchall() == [("failed", 0)]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("terminated early\n", "a message, not a row"),
        ('"error: query timed out"\n', "a message, not a row"),
        ('{"error": "timeout", "request": "x"}', "an error message"),
        ('{"who": "u", "at": "2026-01', "cut off"),
    ],
)
def test_objects_that_ended_early_do_not_land(land: Land, end: str, said: str) -> None:
    lines = '{"who": "u", "at": "2026-01-01", "what": "open", "id": "1"}\n' * 3
    with pytest.raises(ExtractError, match=said):
        land("a.ndjson", lines + end, type="ndjson")


@pytest.mark.parametrize(
    "end",
    [
        "(20 rows)\n",
        "u9,2026-01-01,error: payment failed,e9\n",
        'u9,2026-01-01,"a long text\nthat failed",e9',
        "u9,2026-01-01,open,e9",
        "total,20\n",
    ],
)
def test_an_end_that_is_none_of_these_costs_a_row_at_most(land: Land, end: str) -> None:
    _, landed = land("a.csv", HEADER + good(0, 9) + end)
    assert landed.rows_landed == 9 + end.startswith("u9")


PIECES = ("a", "b", ",", ";", "'", '"', "\\", " ", "\n", "\r\n", "\t", "é", "2026")
CELLS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@tries(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(CELLS, min_size=1, max_size=8),
    strays=st.lists(st.integers(0, 40), max_size=3, unique=True),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_texts_there_are_no_line_is_lost(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], strays: list[int], end: str
) -> None:
    """A table of 40 rows, some of them with any text; open quotes before some of them."""
    folder: Path = tmp_path_factory.mktemp("drawn")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=end)
    buffer.write(HEADER.replace("\n", end))
    for n in range(40):
        if n in strays:
            buffer.write(f'"stray,2026-01-01 10:00:00,open,s{n}{end}')
        text = texts[n] if n < len(texts) else "plain"
        writer.writerow([f"u{n}", "2026-01-02 10:00:00", f"{n}: {text}", f"e{n}"])
    path = folder / "a.csv"
    path.write_bytes(buffer.getvalue().encode())
    source = EventSource(
        name="s", app_id="chat", uri=str(path), reader={"type": "csv"}, columns=BY_NAME
    )
    settings = Settings(home=folder / "home", threads=1)
    with connect(settings) as con:
        create_schemas(con)
        (extract,) = extracts_of(source, path)
        landed = land_events(con, [extract], source, settings, NOW)[extract.extract_id]
        names = con.execute("select event_name from raw.app_events").fetchall()
    assert landed.rows_rejected == len([n for n in strays if n < 40])
    even = {re.sub(r"\r\n|\r", "\n", name).strip() for (name,) in names}
    wanted = (f"{n}: {texts[n] if n < len(texts) else 'plain'}" for n in range(40))
    assert even == {re.sub(r"\r\n|\r", "\n", name).strip() for name in wanted}
