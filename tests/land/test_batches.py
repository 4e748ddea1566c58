"""Landing in batches: how files are grouped, and that a batch is as good as one by one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from flows.extract.found import Found
from flows.land.batches import MAX_FILES, SMALL_BYTES, batches
from flows.land.source import SourceLanding, land_files
from flows.settings import Settings
from flows.sources import EventSource
from flows.warehouse import connect, create_schemas
from tests.land.conftest import BY_NAME, NOW

_KEY = SecretStr("a key for this test")


def found(name: str, size: int = 100) -> Found:
    return Found(uri=name, bytes=size, modified_at=datetime(2026, 1, 1))


def test_small_files_go_together_and_large_ones_alone() -> None:
    files = [found("a"), found("b"), found("c", SMALL_BYTES + 1), found("d"), found("e.zip")]
    files += [found(f"{n}.csv") for n in range(MAX_FILES + 1)]
    grouped = [[one.uri for one in batch] for batch in batches(files)]
    assert grouped[:4] == [["a", "b"], ["c"], ["d"], ["e.zip"]]
    assert [len(batch) for batch in grouped[4:]] == [MAX_FILES, 1]


Rows = list[tuple[Any, ...]]
Came = tuple[SourceLanding, Rows, Rows, Rows]
"""(what landing came to, events, rejects, the ledger)"""


class Land(Protocol):
    """``land(home)``: land the folder's files into a home, and give back what is there."""

    def __call__(self, home: str) -> Came: ...


@pytest.fixture
def land(tmp_path: Path) -> Land:
    def into(home: str) -> Came:
        settings = Settings(home=tmp_path / home, sources=tmp_path / "sources.yml")
        settings.key_path.parent.mkdir(exist_ok=True)
        settings = settings.model_copy(update={"user_key": _KEY})
        source = EventSource(
            name="chat",
            app_id="chat",
            uri="exports/*",
            reader={"type": "csv"},
            columns=BY_NAME,
        )
        with connect(settings) as con:
            create_schemas(con)
            landing = land_files(con, source, settings, NOW)
            events = con.execute(
                "select event_id, user_key, event_time, extract_id from raw.app_events order by all"
            ).fetchall()
            rejects = con.execute(
                "select extract_id, line_number, reason, line from raw.rejects order by all"
            ).fetchall()
            ledger = con.execute(
                "select uri, status, rows_seen, rows_landed, rows_rejected, rows_duplicate "
                "from raw.extracts order by uri"
            ).fetchall()
        return landing, events, rejects, ledger

    return into


def test_a_batch_lands_what_one_by_one_lands(
    land: Land, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    for number in range(40):
        rows = [f"u{number % 7},2026-01-01T00:{n:02}:00,open,{number + n}" for n in range(5)]
        rows.insert(number % 5, "u1,never,open,x")
        rows.insert(0, "u1,2026-01-01")
        header = "who,at,what,id" if number % 3 else "what,who,id,at,more"
        if not number % 3:
            told = [row.split(",") for row in rows]
            rows = [
                ",".join([row[2], row[0], row[3], row[1], "m"]) if len(row) == 4 else "u1,x"
                for row in told
            ]
        (folder / f"{number:02}.csv").write_text("\n".join([header, *rows]) + "\n")
    together = land("together")
    monkeypatch.setattr("flows.land.batches.SMALL_BYTES", 0)
    assert land("apart")[1:] == together[1:]
    assert together[0].rows_rejected == 80
    assert len(together[1]) == 44


def test_a_broken_file_leaves_its_batch_whole(land: Land, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.csv").write_text(
            f"who,at,what,id\nu{number},2026-01-01,open,{number}\n"
        )
    (folder / "4.csv").write_text("who,when\nu,1\n")
    (folder / "7.csv.gz").write_bytes(b"\x1f\x8b broken")
    landing, events, _, ledger = land("home")
    assert len(events) == 9
    assert len(landing.failed) == 2
    assert {row[1] for row in ledger} == {"landed", "failed"}
    again, *_ = land("home")
    assert (again.known, len(again.landed), len(again.failed)) == (9, 0, 2)
