"""Decide which targets are due, deliver to them, and keep account of what each holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from flows.publish import Publication, current_publication, list_publications
from flows.settings import Settings
from flows.sources import BucketTarget, PostgresTarget, Sources, Target
from flows.targets import postgres, s3
from flows.warehouse import connect, create_schemas


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One try to deliver a publication: ``error`` says why it failed, None that it arrived."""

    address: str
    publication_id: str
    error: str | None = None

    @property
    def message(self) -> str:
        """What came of it, for a person to read."""
        if self.error is None:
            return f"Delivered {self.publication_id} to {self.address}"
        return (
            f"{self.address}: {self.publication_id} was not delivered: {self.error}. It is tried "
            "again by the next run, or by `afterhype deliver`."
        )


@dataclass(frozen=True, kw_only=True)
class TargetState:
    """What a target of the sources file holds, by this home's account. Times are naive UTC.

    ``publication_id`` and ``delivered_at`` are None where nothing was delivered yet; ``error`` and
    ``failed_at`` tell of the last try, if that one failed. ``is_due`` says that it does not hold
    what is published here.
    """

    address: str
    publication_id: str | None
    delivered_at: datetime | None
    error: str | None
    failed_at: datetime | None
    is_due: bool


def state(settings: Settings, sources: Sources) -> list[TargetState]:
    """One entry per target of the sources file, in its order.

    Raises AfterhypeError when another process holds the warehouse.
    """
    known = _records(settings)
    current = current_publication(settings)
    wanted = current.publication_id if current else None
    nothing = (None, None, None, None)
    states = []
    for target in sources.publish.to:
        holds, delivered_at, error, failed_at = known.get(target.address, nothing)
        states.append(
            TargetState(
                address=target.address,
                publication_id=holds,
                delivered_at=delivered_at,
                error=error,
                failed_at=failed_at,
                is_due=wanted is not None and holds != wanted,
            )
        )
    return states


def due(settings: Settings, sources: Sources, *, again: bool = False) -> list[Target]:
    """The targets that do not hold what is published now; with ``again`` all of them."""
    if not sources.publish.to or current_publication(settings) is None:
        return []
    states = state(settings, sources)
    paired = zip(sources.publish.to, states, strict=True)
    return [target for target, stands in paired if again or stands.is_due]


def deliver(settings: Settings, target: Target) -> Publication:
    """Deliver what is published now to one target. The caller holds the writer lock.

    Raises TargetUnreachable when it is worth another try soon, DeliveryError when it is not, and
    ConfigurationError when there are no credentials; the target then holds what it held.
    """
    publication = current_publication(settings)
    assert publication is not None  # nothing is due before the first one
    generation = settings.published_dir / "generations" / publication.publication_id
    known = {kept.publication_id for kept in list_publications(settings)}
    match target:
        case PostgresTarget():
            postgres.deliver(target, generation / "marts.duckdb", publication.publication_id, known)
        case BucketTarget():
            s3.deliver(
                target, generation, publication.publication_id, known, settings.generations_kept
            )
    return publication


def record(settings: Settings, deliveries: Sequence[Delivery]) -> None:
    """Remember what came of deliveries. The caller holds the writer lock."""
    if not deliveries:
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    with connect(settings) as con:
        create_schemas(con)
        for delivery in deliveries:
            told = {"address": delivery.address, "now": now}
            if delivery.error is None:
                con.execute(
                    "insert or replace into ops.deliveries "
                    "values ($address, $id, $now, null, null)",
                    told | {"id": delivery.publication_id},
                )
            else:
                con.execute(
                    "insert into ops.deliveries values ($address, null, null, $error, $now) "
                    "on conflict do update set error = excluded.error, "
                    "failed_at = excluded.failed_at",
                    told | {"error": delivery.error},
                )


def _records(
    settings: Settings,
) -> dict[str, tuple[str | None, datetime | None, str | None, datetime | None]]:
    if not settings.warehouse_path.exists():
        return {}
    with connect(settings, read_only=True) as con:
        try:
            rows = con.execute("from ops.deliveries").fetchall()
        except duckdb.CatalogException:  # a warehouse from before there were targets
            return {}
    return {address: (holds, at, error, failed) for address, holds, at, error, failed in rows}
