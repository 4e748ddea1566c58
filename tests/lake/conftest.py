"""Two homes that are told the same: one keeps its events in the warehouse, one in a lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import boto3
import duckdb
import pytest

from flows.lake.location import Lake
from flows.lake.upkeep import settle
from flows.land.configuration import write_configuration
from flows.land.events import land_events
from flows.settings import Settings
from flows.sources import EventSource, Sources, Storage
from flows.warehouse import connect, create_schemas
from tests.land.conftest import BY_NAME, NOW
from tests.presence import extracts_of

TABLES = (
    "raw.app_events",
    "raw.visible_events",
    "raw.visible_event_ids",
    "raw.app_event_duplicates",
    "raw.rejects",
    "raw.extracts",
    "raw.user_aliases",
    "ops.disturbed_events",
)


@dataclass
class Home:
    """A warehouse, open, and the folder of its lake, if it has one."""

    settings: Settings
    con: duckdb.DuckDBPyConnection
    lake: Path | None = None

    def land(
        self, *paths: Path, now: datetime = NOW, app_id: str = "chat", **told: Any
    ) -> dict[str, Any]:
        """Land files of one app in one go; what they came to by their names."""
        source = EventSource(
            name=f"{app_id}_events",
            app_id=app_id,
            uri=tuple(map(str, paths)),
            reader={"type": "csv"},
            **{"columns": BY_NAME} | told,
        )
        extracts = extracts_of(source, *paths)
        outcomes = land_events(self.con, extracts, source, self.settings, now)
        return {path.name: outcomes[e.extract_id] for path, e in zip(paths, extracts, strict=True)}

    def rows(self, table: str) -> list[Any]:
        return self.con.execute(f"from {table} order by all").fetchall()

    def files(self) -> set[str]:
        """The events' files that lie in the lake."""
        assert self.lake
        return {str(p.relative_to(self.lake)) for p in self.lake.glob("app_events/*/*/*")}

    def committed(self) -> set[str]:
        return {path for (path,) in self.con.execute("select path from ops.lake_files").fetchall()}


class WriteCsv(Protocol):
    """``csv(name, *rows)``: write an export of ``who,at,what,id`` rows."""

    def __call__(self, name: str, *rows: str, header: str = "who,at,what,id") -> Path: ...


def begin(folder: Path, stack: ExitStack, lake: Lake | None = None) -> Home:
    """A home in which nothing has landed."""
    settings = Settings(home=folder / "home", user_key="the same for both", threads=1)
    con = stack.enter_context(connect(settings))
    create_schemas(con)
    merged = Sources.model_validate({"apps": [{"app_id": a, "name": a} for a in ("chat", "video")]})
    write_configuration(con, merged)
    settle(con, lake)
    return Home(settings, con, Path(lake.root) if lake and not lake.is_remote else None)


def begin_both(folder: Path, stack: ExitStack) -> tuple[Home, Home]:
    """(a home with a table, a home with a lake)."""
    lake = Lake(str(folder / "the lake's"))  # a quote in a path is to be quoted
    return begin(folder / "table", stack), begin(folder / "in_lake", stack, lake)


def assert_equal(table: Home, lake: Home) -> None:
    """Both homes hold the same, and the lake's files are what the view says."""
    for name in TABLES:
        assert lake.rows(name) == table.rows(name), name
        described = [h.con.execute(f"describe {name}").fetchall() for h in (table, lake)]
        assert [row[:2] for row in described[0]] == [row[:2] for row in described[1]], name
    if lake.lake:
        assert lake.committed() <= lake.files()


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """(a home with a table, a home with a lake)."""
    with ExitStack() as stack:
        yield begin_both(tmp_path, stack)


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Storage]:
    """How to get at a bucket called events, with credentials in the environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-access-key")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket="events")
    yield Storage(endpoint=s3_server)
    for item in client.list_objects_v2(Bucket="events").get("Contents", []):
        client.delete_object(Bucket="events", Key=item["Key"])
    client.delete_bucket(Bucket="events")


@pytest.fixture
def csv(tmp_path: Path) -> WriteCsv:
    def write(name: str, *rows: str, header: str = "who,at,what,id") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write
