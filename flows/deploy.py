"""Set a Prefect server up for a home: its limit, the work pool, all that prefect.yaml holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows.alerts import end_runs_without_heartbeat
from flows.errors import AfterhypeError, ConfigurationError
from flows.exclusive import create_limit
from flows.settings import PROJECT_ROOT, Settings

WORK_POOL = "afterhype"


@contextmanager
def server() -> Iterator[SyncPrefectClient]:
    """A client of the server that PREFECT_API_URL names, which answers.

    Raises ConfigurationError when it names none, AfterhypeError when nothing answers there.
    """
    url = get_current_settings().api.url
    if not url:
        raise ConfigurationError(
            "no Prefect server is named: start one (`prefect server start`), then "
            "`export PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )
    try:
        httpx.get(f"{url}/health", timeout=30).raise_for_status()
    except httpx.HTTPError as error:
        raise AfterhypeError(
            f"{url}: no Prefect server answers there ({error}). Start it with "
            "`prefect server start`, or correct PREFECT_API_URL."
        ) from error
    with get_client(sync_client=True) as client:
        yield client


def deploy(client: SyncPrefectClient, settings: Settings) -> None:
    """Create what is missing and renew what is there; nothing is doubled by doing it again.

    The deployments run with this home and sources file, whatever the worker's environment says.
    Raises AfterhypeError with Prefect's own words when a deployment is refused.
    """
    create_limit(client, settings)
    _create_work_pool(client)
    end_runs_without_heartbeat(client)
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT_ROOT,
        env=os.environ
        | {
            "AFTERHYPE_HOME": str(settings.home),
            "AFTERHYPE_SOURCES": str(settings.sources),
            "PREFECT_LOGGING_LEVEL": "WARNING",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AfterhypeError(f"prefect deploy --all failed:\n{done.stdout}{done.stderr}")


def _create_work_pool(client: SyncPrefectClient) -> None:
    try:
        client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
