"""A query's answer as other programs read it: nothing is left out, and it reads back as it was."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.answers import Form, written
from flows.settings import Settings

AFTERHYPE = str(Path(sys.executable).with_name("afterhype"))
BOXES = "─│┌┐└┘├┤━┃╭╮…"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.one_of(
    st.none(), texts, st.sampled_from(['"', "a,b", "x\ty", "p|q", "l\nm", " ", "\\n"])
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(texts.filter(bool), min_size=width, max_size=width, unique=True),
        st.lists(st.lists(values, min_size=width, max_size=width), max_size=5),
    )
)


def plain_back(line: str) -> list[str]:
    signs = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    fields = [""]
    rest = iter(line)
    for sign in rest:
        if sign == "\t":
            fields.append("")
        else:
            fields[-1] += signs[next(rest)] if sign == "\\" else sign
    return fields


@given(tables)
def test_what_is_written_reads_back(table: tuple[list[str], list[list[str | None]]]) -> None:
    columns, rows = table
    shown = [[value or "" for value in row] for row in rows]
    read = csv.reader(io.StringIO("".join(written(columns, rows, "csv")), newline=""))
    # a row of one NULL is an empty line, which Python's reader takes for a row of no values
    assert [row or [""] for row in read] == [columns, *shown]
    assert json.loads("".join(written(columns, rows, "json"))) == [
        dict(zip(columns, row, strict=True)) for row in rows
    ]
    plain = "".join(written(columns, rows, "plain")).removesuffix("\n").split("\n")
    assert list(map(plain_back, plain)) == [columns, *shown]
    markdown = list(written(columns, rows, "markdown"))
    assert len(markdown) == len(rows) + 2


@settings(deadline=None)  # DuckDB's first start takes long
@given(st.lists(values, min_size=1, max_size=3))
def test_duckdb_tells_null_from_empty_text_in_the_csv(row: list[str | None]) -> None:
    names = [f"c{n}" for n in range(len(row))]
    text = "".join(written([*names, "end"], [[*row, "x"]], "csv"))
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"answer-{os.getpid()}.csv"
    path.write_text(text, encoding="utf-8", newline="")
    options = "header = true, quote = '\"', escape = '\"', auto_detect = false, delim = ','"
    told = "{" + ", ".join(f"'{name}': 'varchar'" for name in [*names, "end"]) + "}"
    if any(value and "\r" in value for value in row) or "\0" in text:
        return  # DuckDB's reader wants one kind of line end
    found = duckdb.execute(
        f'select * exclude ("end") from read_csv(?, {options}, columns = {told}, '
        "allow_quoted_nulls = false)",
        [str(path)],
    ).fetchone()
    path.unlink()
    assert found == tuple(row)


@pytest.mark.parametrize(
    ("value", "plain", "as_json"),
    [
        (True, "true", True),
        (None, "", None),
        (Decimal("1.50"), "1.50", 1.5),
        (Decimal("12"), "12", 12),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789", "0.1234567890123456789"),
        (float("nan"), "nan", "nan"),
        (date(2026, 1, 5), "2026-01-05", "2026-01-05"),
        (datetime(2026, 1, 5, 8), "2026-01-05 08:00:00", "2026-01-05T08:00:00"),
        ([1, {"a": None}], '[1, {"a": null}]', [1, {"a": None}]),
        (b"\x00\xff", "00ff", "00ff"),
    ],
)
def test_values_of_every_type(value: Any, plain: str, as_json: Any) -> None:
    assert list(written(["a"], [[value]], "plain")) == ["a\n", f"{plain}\n"]
    assert json.loads("".join(written(["a"], [[value]], "json"))) == [{"a": as_json}]


def test_markdown_is_a_table() -> None:
    rows = [["a|b", 1, None], ["c\nd", 2.5, ""]]
    assert "".join(written(["x", "n", "z"], rows, "markdown")) == (
        "| x | n | z |\n|---|---:|---|\n| a\\|b | 1 |  |\n| c<br>d | 2.5 |  |\n"
    )


def test_names_that_occur_twice_are_kept_apart_in_json() -> None:
    told = json.loads("".join(written(["a", "a", "b"], [[1, 2, 3]], "json")))
    assert told == [{"a": 1, "a_2": 2, "b": 3}]


def test_no_rows_and_no_columns() -> None:
    assert json.loads("".join(written(["a"], [], "json"))) == []
    forms: tuple[Form, ...] = ("plain", "csv", "markdown")
    assert [list(written([], [], form)) for form in forms] == [[], [], []]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose publication has one wide and long table."""
    settings = Settings(home=tmp_path / "home")
    settings.marts_path.parent.mkdir(parents=True)
    wide = ", ".join(f"range as a_rather_long_name_of_column_{n}" for n in range(40))
    with duckdb.connect(str(settings.marts_path)) as con:
        con.execute(
            f"create table wide as select repeat('x', 300) as text, {wide} from range(3000)"
        )
    return settings.home


def ask(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [AFTERHYPE, "query", "--home", str(home), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("option", [(), ("--csv",), ("--json",), ("--markdown",)])
def test_off_a_terminal_an_answer_is_unabridged(home: Path, option: tuple[str, ...]) -> None:
    done = ask(home, "from wide", *option)
    assert (done.returncode, done.stderr) == (0, "")
    assert not set(BOXES) & set(done.stdout)
    assert done.stdout.count("x" * 300) == 3000
    assert done.stdout.count("2999") >= 40
    assert "a_rather_long_name_of_column_39" in done.stdout
    assert len(done.stdout.splitlines()) - 3000 in (1, 2)


def test_two_forms_are_a_mistake_of_usage(home: Path) -> None:
    done = ask(home, "select 1", "--csv", "--json")
    assert (done.returncode, "one form" in done.stderr) == (2, True)


def test_a_query_that_fails_prints_nothing_to_stdout(home: Path) -> None:
    done = ask(home, "from nowhere", "--json")
    assert (done.returncode, done.stdout, "nowhere" in done.stderr) == (1, "", True)


@pytest.mark.parametrize("option", ["", "--csv", "--json", "--markdown"])
def test_a_reader_may_leave_early(home: Path, option: str) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{AFTERHYPE} query --home {home} 'from wide' {option} "
         "| head -n 2 > /dev/null"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


LONG = """
import sys, time
sys.path.insert(0, {root!r})
from flows.progress import progress
with progress("landing") as advance:
    time.sleep(1.5)
"""


def test_a_log_in_a_file_grows_as_the_work_goes(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    root = str(Path(__file__).parent.parent)
    with log.open("w") as out:
        working = subprocess.Popen([sys.executable, "-c", LONG.format(root=root)], stdout=out)
        deadline = time.monotonic() + 20
        while "landing" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert working.poll() is None, "the line came at the end only"
        assert "done in" not in log.read_text()
        assert working.wait() == 0
    begun, done = log.read_text().splitlines()
    assert begun.endswith(" landing")
    assert " landing: done in 1." in done


def test_work_goes_on_when_nobody_reads_its_log() -> None:
    root = str(Path(__file__).parent.parent)
    working = subprocess.Popen(
        [sys.executable, "-c", LONG.format(root=root)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert working.stdout is not None
    assert working.stderr is not None
    working.stdout.readline()
    working.stdout.close()
    assert (working.wait(), working.stderr.read()) == (0, "")
