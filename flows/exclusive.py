"""Let one run write at a time, on this machine and across the workers of a Prefect server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from prefect.states import Crashed

from flows.settings import Settings
from flows.warehouse import writer

LEASE_SECONDS = 60
"""How long a killed run keeps its slot on a server; a living one renews it."""


@contextmanager
def one_at_a_time(settings: Settings, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the home's writer lock, and its slot on a shared Prefect server, for a block.

    The slot makes runs queue visibly in Prefect, on whichever machine they start. The lock is what
    cannot be got round: it also holds against a run by hand that knows no server. A run that was
    killed while it held the lock, and so still counts as running, is shown as crashed.
    """
    with _slot(settings, on_wait), writer(settings, on_wait, run=flow_run.get_id()) as killed:
        if killed:
            _show_as_crashed(killed, on_wait)
        yield


def limit_name(settings: Settings) -> str:
    """The name of the home's global concurrency limit."""
    return f"afterhype-writer-{hashlib.sha256(str(settings.home).encode()).hexdigest()[:8]}"


def create_limit(client: SyncPrefectClient, settings: Settings) -> None:
    """Create the home's global concurrency limit, or put it back to one run."""
    client.upsert_global_concurrency_limit_by_name(limit_name(settings), limit=1)


@contextmanager
def _slot(settings: Settings, on_wait: Callable[[str], None]) -> Iterator[None]:
    # A server that lives for one run only (no PREFECT_API_URL) has nobody to queue behind.
    if not get_current_settings().api.url:
        yield
        return
    name = limit_name(settings)
    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:  # a run by hand, of a home that was never deployed
            create_limit(client, settings)
        else:
            if limit.active_slots:
                on_wait(f"waiting for the concurrency limit {name}: another run is writing")
    with concurrency(name, occupy=1, lease_duration=LEASE_SECONDS, strict=True):
        yield


def _show_as_crashed(killed: str, tell: Callable[[str], None]) -> None:
    """End, on the server, a run whose process died without a word."""
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(UUID(killed))
        except (ObjectNotFound, ValueError):  # it ran on another server
            return
        if run.state and run.state.is_final():
            return
        client.set_flow_run_state(
            run.id,
            Crashed(
                message="Its process was killed while it was writing; "
                f"the run {flow_run.get_name()} goes on in its stead."
            ),
            force=True,
        )
    tell(f"the run {run.name} was killed while it was writing; this one goes on in its stead")
