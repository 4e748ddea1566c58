"""Wherever a run is killed, the lake shows all that it did or nothing, and the next one heals."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import signal
from contextlib import ExitStack
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.lake.location import Lake
from flows.lake.upkeep import sweep
from flows.warehouse import connect
from tests.lake.conftest import TABLES, WriteCsv, begin
from tests.lake.dying import die, do, opened, settings_of
from tests.presence import present

FIRST = [f"u{n},2026-01-0{1 + n % 2}T00:00:00Z,open,{n}" for n in range(6)]
SECOND = [*FIRST[3:], "u6,2026-01-03T00:00:00Z,open,6"]


Contents = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def process() -> ForkServerContext:
    """Starts processes that have all imported, and nothing open that a fork would break."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.lake.dying"])
    return processes


def contents(con: duckdb.DuckDBPyConnection) -> Contents:
    return {name: con.execute(f"from {name} order by all").fetchall() for name in TABLES}


def seen(folder: Path) -> Contents:
    """What a reader of the warehouse sees."""
    with connect(settings_of(folder), read_only=True) as con:
        return contents(con)


@pytest.mark.parametrize(
    ("deed", "at_least"), [("land", 5), ("quarantine", 8), ("leave", 5), ("begin", 5)]
)
def test_a_run_killed_anywhere_did_all_or_nothing_and_the_next_one_heals(
    deed: str, at_least: int, process: ForkServerContext, tmp_path: Path, csv: WriteCsv
) -> None:
    first, second = csv("a.csv", *FIRST), csv("b.csv", *SECOND)
    folder, kept = tmp_path / "it", tmp_path / "kept"
    with ExitStack() as stack:
        home = begin(folder, stack, None if deed == "begin" else Lake(str(folder / "lake")))
        home.land(first)
        if deed != "land":
            home.land(second)
    path = second if deed == "land" else first
    shutil.copytree(folder, kept)
    before = seen(folder)
    with connect(home.settings) as con:
        do(deed, opened(folder, con), path)
    after = seen(folder)
    told, nth = [], 1
    while True:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        child = process.Process(target=die, args=(deed, folder, path, nth))
        child.start()
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL)
        found = seen(folder)
        assert found in (before, after)
        told.append(found == after)
        if child.exitcode == 0:
            break
        with connect(home.settings) as con:
            sweep(con)
            assert contents(con) == found
            assert_swept(folder, con)
            do(deed, opened(folder, con), path)
            assert contents(con) == after
            assert_swept(folder, con)
        nth += 1
    assert nth > at_least
    if before != after:
        assert told == sorted(told)  # nothing up to the commit, from then on all
        assert told.count(False) > 1


def assert_swept(folder: Path, con: duckdb.DuckDBPyConnection) -> None:
    """In the lake's folder lie the committed files, with the manifest that lists them."""
    there = {str(p.relative_to(folder / "lake")) for p in (folder / "lake").rglob("*.*")}
    (lakes,) = present(con.execute("select count(*) from ops.lakes").fetchone())
    committed = {path for (path,) in con.execute("select path from ops.lake_files").fetchall()}
    if con.execute("select 1 from ops.lakes where is_current").fetchone():
        assert there == {"manifest.json", *committed}
        manifest = json.loads((folder / "lake" / "manifest.json").read_text())
        assert {file["path"] for file in manifest["files"]} == committed
    else:
        assert (lakes, there, committed) == (0, set(), set())
