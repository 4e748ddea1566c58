"""Gather on one screen how a home is doing: what is published, landed, judged, run and due."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict

from flows.builds import unpublished
from flows.deployment_runs import DeploymentRuns
from flows.errors import AfterhypeError
from flows.lake.location import lake_of
from flows.land.ledger import list_extracts
from flows.land.lookalikes import lookalikes
from flows.land.relanding import OtherMapping, other_mappings
from flows.land.renaming import unlisted_apps
from flows.outlook.slow_sources import slow_sources
from flows.publish import current_publication, list_publications
from flows.settings import Settings, prefect_api_url
from flows.sources import Sources, load_sources
from flows.sql import has_columns
from flows.staleness import stale_sources
from flows.targets import deliveries
from flows.targets.deliveries import TargetState
from flows.warehouse import connect, lock_holder

GATE_RUNS_SHOWN = 5
"""How many of the latest runs the gate history of a status tells of."""

PARTS_ON_DISK = ("warehouse.duckdb", "published", "archive", "quality", "dbt", "site", "tmp")
"""What a home consists of, by its size on disk."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class PublicationStatus(_Part):
    """What readers see. ``built_at`` is UTC; ``kept`` are the ids one can roll back to, or to."""

    publication_id: str
    built_at: datetime
    age_hours: float
    marts: Path
    kept: list[str]


class SourceStatus(_Part):
    """One source of the sources file, or of the ledger where the file names it no more.

    Times are UTC. ``hours_since_landed`` counts from its last extract or observed chart;
    ``is_stale`` says that this is more than its ``stale_after_hours``, or much by its own rhythm.
    ``waits`` says which app waits for it; ``ended`` is its last reporting day, where it is over.
    ``is_retired``: the file names it no more; what it has landed stays and counts.
    ``other_mapping`` counts the extracts that landed with another mapping than it has now.
    """

    source: str
    kind: str
    last_event_time: datetime | None
    last_landed_at: datetime | None
    hours_since_landed: float | None
    stale_after_hours: float | None
    is_stale: bool
    ended: date | None
    waits: str | None
    is_retired: bool
    landed: int
    quarantined: int
    failed: int
    rows_rejected: int
    other_mapping: int


class QuarantinedExtract(_Part):
    """An extract that the raw gate holds back, until somebody decides."""

    extract_id: str
    source: str
    uri: str
    reason: str | None


class GateRun(_Part):
    """What one gate said in one run; ``checked_at`` is UTC."""

    run_id: str
    stage: str
    checked_at: datetime
    checks: int
    warnings: int
    critical_failures: int


class DiskUse(_Part):
    """Bytes of one part of the home, each file counted once however many names it has."""

    part: str
    bytes: int


class LakeStatus(_Part):
    """Where the raw events lie if not in the warehouse, in how many files of how many bytes."""

    path: str
    files: int
    bytes: int


class Status(_Part):
    """One home as it stands. ``checked_at`` is UTC.

    ``unread`` says why the warehouse could not be read, and with it sources, lake, quarantine,
    gates and targets; ``lake`` is none where the events lie in the warehouse; ``schedule_unknown``
    says why Prefect could not be asked for ``deployments``; ``unpublished`` what is new since the
    last publication, none where the next run will find nothing new either.
    """

    home: Path
    checked_at: datetime
    publication: PublicationStatus | None
    writer: str | None
    unread: str | None
    unpublished: str | None
    sources: list[SourceStatus]
    lake: LakeStatus | None
    quarantine: list[QuarantinedExtract]
    gates: list[GateRun]
    targets: list[TargetState]
    deployments: list[DeploymentRuns]
    schedule_unknown: str | None
    unlisted_apps: list[str]
    lookalikes: list[str]
    disk: list[DiskUse]
    disk_free_bytes: int
    next_steps: list[str]


def status(settings: Settings) -> Status:
    """Gather a home's status. Waits for nobody: what cannot be read now is said to be unread."""
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    found: dict[str, Any] = {
        "home": settings.home,
        "checked_at": now,
        "publication": _publication(settings, now),
        "writer": lock_holder(settings),
        **_from_warehouse(settings, now),
        **_from_prefect(),
        "disk": [
            DiskUse(part=part, bytes=_bytes(settings.home / part))
            for part in PARTS_ON_DISK
            if (settings.home / part).exists()
        ],
        "disk_free_bytes": shutil.disk_usage(_existing(settings.home)).free,
        "next_steps": [],
    }
    gathered = Status(**found)
    return gathered.model_copy(update={"next_steps": list(_next_steps(gathered))})


def _publication(settings: Settings, now: datetime) -> PublicationStatus | None:
    current = current_publication(settings)
    if current is None:
        return None
    return PublicationStatus(
        publication_id=current.publication_id,
        built_at=current.built_at,
        age_hours=_hours(now, current.built_at),
        marts=settings.marts_path,
        kept=[kept.publication_id for kept in list_publications(settings)],
    )


def _from_warehouse(settings: Settings, now: datetime) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        key: []
        for key in (
            *("sources", "quarantine", "gates", "targets"),
            *("unlisted_apps", "lookalikes"),
        )
    }
    nothing |= {"lake": None, "unpublished": None}
    try:
        configured = load_sources(settings.sources)
        if not settings.warehouse_path.exists():
            return nothing | {
                "unread": None,
                "sources": _sources([], configured, set(), {}, {}, now),
            }
        targets = deliveries.state(settings, configured)
        with connect(settings, read_only=True) as con:
            stale = {found.source for found in stale_sources(con, configured.all, now)}
            waits = {found.source: str(found) for found in slow_sources(con)}
            others = {one.source: one.extracts for one in other_mappings(con, configured.all)}
            return {
                "unread": None,
                "unpublished": _unpublished(con, configured),
                "sources": _sources(_rows(con, SOURCES), configured, stale, waits, others, now),
                "lake": _lake(con),
                "unlisted_apps": unlisted_apps(con),
                "lookalikes": [str(one) for one in lookalikes(con)],
                "quarantine": [
                    QuarantinedExtract(
                        extract_id=row.extract_id, source=row.source, uri=row.uri, reason=row.error
                    )
                    for row in list_extracts(con, status="quarantined")
                ],
                "gates": [GateRun(**row) for row in _rows(con, GATES)],
                "targets": targets,
            }
    except AfterhypeError as error:
        return nothing | {"unread": str(error)}


def _unpublished(con: duckdb.DuckDBPyConnection, configured: Sources) -> str | None:
    row = con.execute("select current_database()").fetchone()
    if row and not has_columns(con, row[0], "builds", ("inputs",)):
        return "the home is of an earlier version, which noted less about its builds"
    return unpublished(con, configured)


def _lake(con: duckdb.DuckDBPyConnection) -> LakeStatus | None:
    lake = lake_of(con)
    if lake is None:
        return None
    row = con.execute(
        "select count(*), coalesce(sum(bytes), 0)::bigint from ops.lake_files"
    ).fetchone()
    assert row is not None  # an aggregate has one row
    return LakeStatus(path=lake.root, files=row[0], bytes=row[1])


SOURCES = """
    with

    fetches as (
        select source, max(landed_at) as last_fetched_at
        from raw.chart_snapshots
        where status <> 'failed'
        group by source
    ),

    ledger as (
        select
            source,
            any_value(kind) as kind,
            max(max_event_time) filter (where status = 'landed') as last_event_time,
            max(landed_at) filter (where status <> 'failed') as last_landed_at,
            count(*) filter (where status = 'landed') as landed,
            count(*) filter (where status = 'quarantined') as quarantined,
            count(*) filter (where status = 'failed') as failed,
            coalesce(sum(rows_rejected) filter (where status = 'landed'), 0) as rows_rejected,
        from raw.extracts
        group by source
    ),

    final as (
        select
            coalesce(ledger.source, fetches.source) as source,
            coalesce(ledger.kind, 'ranks') as kind,
            ledger.last_event_time,
            greatest(ledger.last_landed_at, fetches.last_fetched_at) as last_landed_at,
            coalesce(ledger.landed, 0) as landed,
            coalesce(ledger.quarantined, 0) as quarantined,
            coalesce(ledger.failed, 0) as failed,
            coalesce(ledger.rows_rejected, 0) as rows_rejected,
        from ledger
        full outer join fetches on ledger.source = fetches.source
    )

    select * from final order by source
"""
"""One row per source that has landed something, or tried to."""

GATES = f"""
    select
        run_id,
        stage,
        max(checked_at) as checked_at,
        count(*) as checks,
        count(*) filter (where not success and severity = 'warning') as warnings,
        count(*) filter (where not success and severity = 'critical') as critical_failures,
    from ops.gate_results
    group by run_id, stage
    order by checked_at desc
    limit {2 * GATE_RUNS_SHOWN}
"""
"""One row per run and gate, newest first."""


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = con.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _sources(
    rows: list[dict[str, Any]],
    configured: Sources,
    stale: set[str],
    waits: dict[str, str],
    others: dict[str, int],
    now: datetime,
) -> list[SourceStatus]:
    """The sources file's sources in its order, then those that it names no more."""
    known = {row["source"]: row for row in rows}
    named = {source.name: source for source in configured.all}
    statuses = []
    for name in (*named, *(name for name in known if name not in named)):
        source, row = named.get(name), known.get(name, {})
        landed_at = row.get("last_landed_at")
        statuses.append(
            SourceStatus(
                source=name,
                kind=source.kind if source else row["kind"],
                last_event_time=row.get("last_event_time"),
                last_landed_at=landed_at,
                hours_since_landed=_hours(now, landed_at) if landed_at else None,
                stale_after_hours=source.stale_after_hours if source else None,
                is_stale=name in stale,
                ended=getattr(source, "ended", None),
                waits=waits.get(name),
                is_retired=source is None,
                landed=row.get("landed", 0),
                quarantined=row.get("quarantined", 0),
                failed=row.get("failed", 0),
                rows_rejected=row.get("rows_rejected", 0),
                other_mapping=others.get(name, 0),
            )
        )
    return statuses


def _from_prefect() -> dict[str, Any]:
    address = prefect_api_url()
    if not address:
        reason = "PREFECT_API_URL is not set, so nobody was asked about schedules"
        return {"deployments": [], "schedule_unknown": reason}
    import httpx
    from prefect.client.orchestration import get_client

    from flows.schedule import deployment_runs

    try:
        with get_client(sync_client=True) as client:
            runs = deployment_runs(client)
    except (httpx.HTTPError, RuntimeError) as error:
        reason = f"{address}: Prefect does not answer ({error})"
        return {"deployments": [], "schedule_unknown": reason}
    return {"deployments": runs, "schedule_unknown": None}


def _next_steps(status: Status) -> Iterator[str]:
    """What somebody should do, the most urgent first."""
    if status.unread and not status.writer:
        yield f"The warehouse or the sources file could not be read: {status.unread}"
    if status.publication is None:
        yield "Nothing is published yet: `afterhype run`."
    last = next((run for run in status.gates if run.stage == "mart"), None)
    if last and last.critical_failures:
        yield (
            "The mart gate stopped the last run: `afterhype check` names what failed; the "
            "publication before it stands."
        )
    if status.quarantine:
        yield (
            f"{len(status.quarantine)} in quarantine: `afterhype extracts --status quarantined`, "
            "then `afterhype extracts release ID`, `discard ID`, or mend it and `reland ID`."
        )
    for source in status.sources:
        if source.other_mapping:
            yield str(OtherMapping(source=source.source, extracts=source.other_mapping))
    if status.publication and status.unpublished:
        yield f"Not published yet: {status.unpublished}. `afterhype run` publishes it."
    for source in status.sources:
        if source.is_stale:
            yield (
                f"{source.source} has brought nothing new for too long: is it still exported? If "
                "not, give it ended: DATE in the sources file."
            )
        if source.waits:
            yield source.waits
        if source.failed:
            yield (
                f"{source.source}: {source.failed} could not be read: "
                f"`afterhype extracts --status failed --source {source.source}`."
            )
    for app_id in status.unlisted_apps:
        yield (
            f"Events have landed of {app_id}, which the sources file does not list: they count, "
            f"without its name and declarations. If it has another app_id now: "
            f"`afterhype apps rename {app_id} NEW`."
        )
    yield from status.lookalikes
    for target in status.targets:
        if target.is_due:
            yield f"{target.address} does not hold this publication: `afterhype deliver`."
    for deployment in status.deployments:
        if deployment.last_state in ("Failed", "Crashed", "TimedOut"):
            yield (
                f"{deployment.deployment}: the last run, {deployment.last_run}, ended as "
                f"{deployment.last_state}: {deployment.last_message or 'see its log in Prefect'}"
            )
        if deployment.paused:
            yield f"{deployment.deployment} is paused: `prefect deployment schedule resume`."
    if status.schedule_unknown is None and not status.deployments:
        yield "Nothing is scheduled on this Prefect server: `afterhype deploy`."
    warehouse = sum(use.bytes for use in status.disk if use.part == "warehouse.duckdb")
    if status.disk_free_bytes < 2 * warehouse:
        yield (
            "The disk has room for less than two copies of the warehouse, which a compaction or a "
            "verification may need: free some."
        )


def _hours(now: datetime, then: datetime) -> float:
    return round((now - then).total_seconds() / 3600, 1)


def _bytes(path: Path) -> int:
    """Bytes on disk; a file with several names, as publications have, counts once."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    found = {(stat.st_dev, stat.st_ino): stat.st_size for stat in (file.lstat() for file in files)}
    return sum(found.values())


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
