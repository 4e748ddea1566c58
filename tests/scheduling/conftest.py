"""One Prefect server on loopback, and one receiver of alerts, for all tests of the schedule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import PostgresServer
from tests.scheduling.machine import Receiver, Server, receiving, serving


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the server keeps its state, as the handbook says: SQLite loses events when busy."""
    postgres = PostgresServer(tmp_path_factory.mktemp("postgres"))
    postgres.start()
    yield f"postgresql+asyncpg://{postgres.new_database('prefect')}"
    postgres.stop()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("prefect"), database) as started:
        yield started


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening
