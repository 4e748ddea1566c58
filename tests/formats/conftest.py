"""A home into which a vendor's files land as a run would land them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.land.configuration import write_configuration
from flows.land.keys import load_user_key
from flows.land.source import SourceLanding, land_files
from flows.settings import Settings
from flows.sources import App, EventSource, Sources
from flows.warehouse import connect, create_schemas

EVENTS = Path(__file__).parent.parent / "fixtures" / "events"
NOW = datetime(2026, 2, 1)


Fixture = Callable[[str], bytes]
"""``fixture("amplitude/good.ndjson")``: the bytes of a small hand-made extract."""


@dataclass
class Home:
    """A warehouse and the folder of its extracts."""

    folder: Path
    settings: Settings
    con: duckdb.DuckDBPyConnection

    def land(self, format: str, *files: str, **options: object) -> SourceLanding:
        """Land files of the folder as a source of this format, named as it."""
        source = EventSource(
            name=format,
            app_id="app",
            uri=tuple(str(self.folder / file) for file in files),
            format=format,
            **options,
        )
        sources = Sources(apps=(App(app_id="app", name="App"),), events=(source,))
        write_configuration(self.con, sources)
        return land_files(self.con, source, self.settings, NOW)

    def user(self, user_id: str) -> uuid.UUID:
        """The key of a user, as DESIGN tells it: half a SHA-256 of secret, app and id."""
        told = "\x1f".join((load_user_key(self.settings), "app", user_id))
        return uuid.UUID(hashlib.sha256(told.encode()).hexdigest()[:32])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()

    def events(self) -> list[tuple[Any, ...]]:
        """The canonical rows in the order of time."""
        return self.rows(
            "select user_key, event_name, event_time, platform, country, app_version, channel, "
            "properties::varchar from raw.app_events order by event_time, event_name, user_key"
        )

    def rejects(self) -> list[tuple[Any, ...]]:
        return self.rows("select line_number, reason from raw.rejects order by all")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    settings = Settings(home=tmp_path / "home")
    with connect(settings) as con:
        create_schemas(con)
        folder = tmp_path / "exports"
        folder.mkdir()
        yield Home(folder, settings, con)


@pytest.fixture
def fixture() -> Fixture:
    return lambda name: (EVENTS / name).read_bytes()
