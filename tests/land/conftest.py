"""A warehouse to land in, and the way an extract gets there."""

from __future__ import annotations

from datetime import datetime

import pytest

from flows.errors import ExtractError
from flows.extract.found import found_file
from flows.extract.places import Places
from flows.land import ledger
from flows.land.events import land_events
from flows.settings import Settings
from flows.sources import EventSource
from flows.warehouse import connect, create_schemas

NOW = datetime(2026, 2, 1)

BY_NAME = {
    "user_id": "who",
    "event_time": "at",
    "event_name": "what",
    "event_id": "id",
}


@pytest.fixture
def settings(tmp_path):
    # more threads than one cost a third more CPU seconds for a few lines
    return Settings(home=tmp_path / "home", threads=1)


@pytest.fixture
def con(settings):
    with connect(settings) as con:
        create_schemas(con)
        yield con


@pytest.fixture
def land(con, settings, tmp_path):
    """``land(name, text)``: write a file, land it, give back (extract id, what it came to)."""

    def land_file(
        name, content, *, now=NOW, columns=BY_NAME, source="chat", overlap=True, **reader
    ):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        event_source = EventSource(
            name=source,
            app_id="chat",
            uri=str(path),
            reader={"type": "csv"} | reader,
            columns=columns,
            extracts_overlap=overlap,
        )
        (extract,) = Places(event_source).identify([found_file(path)])
        try:
            landed = land_events(con, [extract], event_source, settings, now)
        except ExtractError as error:
            ledger.record_failure(con, extract, str(error), now)
            raise
        return extract.extract_id, landed[extract.extract_id]

    return land_file
