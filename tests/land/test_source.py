"""Landing a source: what is known is not read again, what is broken stops nothing else."""

from __future__ import annotations

import os
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol

import duckdb
import pytest

from flows.extract.places import Places
from flows.land.source import Advance, SourceLanding, land_files
from flows.settings import Settings
from flows.sources import EventSource
from tests.land.conftest import BY_NAME, NOW


class LandAll(Protocol):
    """Lands what is new in the folder of exports."""

    def __call__(
        self, *, days: tuple[date, date] | None = None, advance: Advance = ...
    ) -> SourceLanding: ...


@pytest.fixture
def land_all(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> LandAll:
    settings = Settings(home=tmp_path / "home", sources=tmp_path / "sources.yml")
    (tmp_path / "exports").mkdir()
    source = EventSource(
        name="chat", app_id="chat", uri="exports/*.csv", reader={"type": "csv"}, columns=BY_NAME
    )
    return partial(land_files, con, source, settings, NOW)


def export(folder: Path, name: str, *ids: int) -> Path:
    path = folder / "exports" / name
    lines = [f"u{n},2026-01-01T00:00:0{n},open,{n}\n" for n in ids]
    path.write_text("who,at,what,id\n" + "".join(lines))
    return path


def test_known_files_are_not_even_read(
    land_all: LandAll, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path, "a.csv", 1)
    assert len(land_all().landed) == 1

    def read(*_: object, **__: object) -> NoReturn:
        raise AssertionError("was read again")

    monkeypatch.setattr(Places, "identify", read)
    again = land_all()
    assert (again.known, again.landed, again.failed) == (1, {}, ())


def test_a_touched_or_copied_file_is_known_by_its_content(
    land_all: LandAll, tmp_path: Path
) -> None:
    path = export(tmp_path, "a.csv", 1)
    land_all()
    os.utime(path, (0, 0))
    (tmp_path / "exports" / "copy.csv").write_bytes(path.read_bytes())
    again = land_all()
    assert (again.known, again.landed) == (2, {})


def test_a_broken_file_stops_no_other_and_is_tried_again(
    land_all: LandAll, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    export(tmp_path, "a.csv", 1)
    (tmp_path / "exports" / "b.csv").write_text("other,columns\n1,2\n")
    export(tmp_path, "c.csv", 2)
    first = land_all()
    assert (len(first.landed), len(first.failed)) == (2, 1)
    assert "b.csv" in first.failed[0]
    assert len(land_all().failed) == 1
    export(tmp_path, "b.csv", 3)
    mended = land_all()
    assert (len(mended.landed), mended.failed) == (1, ())


def test_days_narrow_and_progress_is_told(land_all: LandAll, tmp_path: Path) -> None:
    export(tmp_path, "2026-01-01.csv", 1)
    export(tmp_path, "2026-01-02.csv", 2)
    told = []
    days = (date(2026, 1, 2), date(2026, 1, 2))
    landing = land_all(days=days, advance=lambda done, total: told.append((done, total)))
    assert landing.rows_landed == 1
    assert told == [(0, 1), (1, 1)]


def test_times_of_a_landing_are_those_of_its_events(
    land_all: LandAll, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    export(tmp_path, "a.csv", 1, 5)
    (landed,) = land_all().landed.values()
    assert landed.min_event_time == datetime(2026, 1, 1, 0, 0, 1)
    assert landed.max_event_time == datetime(2026, 1, 1, 0, 0, 5)
