"""Let one run write at a time, on this machine and across the workers of a Prefect server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.settings import get_current_settings

from flows.settings import Settings
from flows.warehouse import writer

LEASE_SECONDS = 60
"""How long a killed run keeps its slot on a server; a living one renews it."""


@contextmanager
def one_at_a_time(settings: Settings, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the home's writer lock, and its slot on a shared Prefect server, for a block.

    The slot makes runs queue visibly in Prefect, on whichever machine they start. The lock is what
    cannot be got round: it also holds against a run by hand that knows no server.
    """
    with _slot(settings, on_wait), writer(settings, on_wait):
        yield


def limit_name(settings: Settings) -> str:
    """The name of the home's global concurrency limit."""
    return f"afterhype-writer-{hashlib.sha256(str(settings.home).encode()).hexdigest()[:8]}"


@contextmanager
def _slot(settings: Settings, on_wait: Callable[[str], None]) -> Iterator[None]:
    # A server that lives for one run only (no PREFECT_API_URL) has nobody to queue behind.
    if not get_current_settings().api.url:
        yield
        return
    name = limit_name(settings)
    with get_client(sync_client=True) as client:
        # a limit that was never created is not enforced
        client.upsert_global_concurrency_limit_by_name(name, limit=1)
        if client.read_global_concurrency_limit_by_name(name).active_slots:
            on_wait(f"waiting for the concurrency limit {name}: another run is writing")
    with concurrency(name, occupy=1, lease_duration=LEASE_SECONDS, strict=True):
        yield
