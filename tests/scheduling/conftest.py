"""One Prefect server on loopback, and one receiver of alerts, for all tests of the schedule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scheduling.machine import Receiver, Server, receiving, serving


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("prefect")) as started:
        yield started


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening
