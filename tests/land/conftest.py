"""A warehouse to land in, and the way an extract gets there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pytest

from flows.errors import ExtractError
from flows.land import ledger
from flows.land.events import land_events
from flows.land.ledger import Landed
from flows.settings import Settings
from flows.sources import EventSource
from flows.warehouse import connect, create_schemas
from tests.presence import extracts_of

NOW = datetime(2026, 2, 1)

BY_NAME = {
    "user_id": "who",
    "event_time": "at",
    "event_name": "what",
    "event_id": "id",
}


class Land(Protocol):
    """``land(name, text)``: write a file, land it, give back (extract id, what it came to)."""

    def __call__(
        self,
        name: str,
        content: str | bytes,
        *,
        now: datetime = NOW,
        columns: Mapping[str, str] = BY_NAME,
        source: str = "chat",
        overlap: bool = True,
        earliest_event: date | None = None,
        future_tolerance_minutes: float | None = None,
        **reader: Any,
    ) -> tuple[str, Landed]: ...


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # more threads than one cost a third more CPU seconds for a few lines
    return Settings(home=tmp_path / "home", threads=1)


@pytest.fixture
def con(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(settings) as con:
        create_schemas(con)
        yield con


@pytest.fixture
def land(con: duckdb.DuckDBPyConnection, settings: Settings, tmp_path: Path) -> Land:
    def land_file(
        name: str,
        content: str | bytes,
        *,
        now: datetime = NOW,
        columns: Mapping[str, str] = BY_NAME,
        source: str = "chat",
        overlap: bool = True,
        earliest_event: date | None = None,
        future_tolerance_minutes: float | None = None,
        **reader: Any,
    ) -> tuple[str, Landed]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        event_source = EventSource(
            name=source,
            app_id="chat",
            uri=str(path),
            reader={"type": "csv"} | reader,
            columns=columns,
            extracts_overlap=overlap,
            earliest_event=earliest_event,
            future_tolerance_minutes=future_tolerance_minutes,
        )
        (extract,) = extracts_of(event_source, path)
        try:
            landed = land_events(con, [extract], event_source, settings, now)
        except ExtractError as error:
            ledger.record_failure(con, extract, str(error), now)
            raise
        return extract.extract_id, landed[extract.extract_id]

    return land_file
