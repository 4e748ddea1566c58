"""One Prefect server on loopback, and one receiver of alerts, for all tests of the schedule."""

from __future__ import annotations

import os
import subprocess
import urllib.error
from collections.abc import Iterator

import pytest

from tests.scheduling.machine import (
    BIN,
    PREFECT,
    Receiver,
    Server,
    free_port,
    receiving,
    wait_for,
)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("prefect")
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    ours = ("PREFECT_", "AFTERHYPE_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "10",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [PREFECT, "server", "start", "--no-ui", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=log,
        )
    started = Server(folder, api, environment)

    def is_up() -> bool:
        try:
            return bool(started.call("/health"))
        except (OSError, urllib.error.URLError):
            return False

    try:
        wait_for("the server", is_up)
        yield started
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening
