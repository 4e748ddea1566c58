"""Checks of the Prefect server: pool, deployments, a worker that is online, the writer's limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows.doctor.finding import Finding, ok, problem, warning
from flows.exclusive import limit_name
from flows.settings import PROJECT_ROOT, Settings


def prefect_server(settings: Settings, plan: Path = PROJECT_ROOT / "prefect.yaml") -> list[Finding]:
    """Everything that a schedule needs, as ``plan`` (prefect.yaml) names it."""
    address = get_current_settings().api.url
    if not address:
        return [
            ok("prefect", "PREFECT_API_URL is not set: runs by hand need no server, schedules do")
        ]
    with get_client(sync_client=True) as client:
        if error := client.api_healthcheck():
            return [
                problem(
                    "prefect",
                    f"{address} does not answer: {type(error).__name__}",
                    "Start it (`prefect server start`), or correct PREFECT_API_URL",
                )
            ]
        deployments = _planned(plan)
        pools = sorted({one.pool for one in deployments if one.pool})
        return [
            ok("prefect", f"{address} answers"),
            *(_pool(client, pool) for pool in pools),
            *(_deployment(client, one) for one in deployments),
            _limit(client, limit_name(settings)),
        ]


@dataclass(frozen=True, kw_only=True)
class _Planned:
    name: str
    pool: str | None
    entrypoint: str | None


def _planned(plan: Path) -> list[_Planned]:
    """Each deployment of prefect.yaml; none where there is no such file."""
    if not plan.exists():
        return []
    listed: list[dict[str, Any]] = yaml.safe_load(plan.read_text(encoding="utf-8"))["deployments"]
    return [
        _Planned(
            name=one["name"],
            pool=(one.get("work_pool") or {}).get("name"),
            entrypoint=one.get("entrypoint"),
        )
        for one in listed
    ]


def _pool(client: SyncPrefectClient, name: str) -> Finding:
    check = f"work pool {name}"
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return problem(check, "there is none", f"prefect work-pool create {name} --type process")
    if pool.is_paused:
        return problem(check, "is paused", f"prefect work-pool resume {name}")
    workers = client.read_workers_for_work_pool(name)
    online = [worker.name for worker in workers if str(worker.status).endswith("ONLINE")]
    if not online:
        return problem(
            check, "no worker is online: nothing starts", f"prefect worker start --pool {name}"
        )
    return ok(check, f"worker {', '.join(online)} is online")


def _deployment(client: SyncPrefectClient, planned: _Planned) -> Finding:
    check = f"deployment {planned.name}"
    found = [one for one in client.read_deployments() if one.name == planned.name]
    if not found:
        return problem(check, "there is none", "afterhype deploy")
    deployment = found[0]
    if planned.entrypoint and deployment.entrypoint != planned.entrypoint:
        return problem(
            check,
            f"is another version's: it starts {deployment.entrypoint}, not {planned.entrypoint}",
            "afterhype deploy",
        )
    if deployment.paused:
        return warning(
            check,
            "is paused: its schedules start nothing",
            "Resume it on its page, or deploy again: afterhype deploy",
        )
    if idle := [one.slug or one.id for one in deployment.schedules if not one.active]:
        return warning(
            check,
            f"its schedule {idle[0]} is paused",
            "Resume it on its page, or deploy again: afterhype deploy",
        )
    return ok(check, "deployed" if not deployment.schedules else "deployed and scheduled")


def _limit(client: SyncPrefectClient, name: str) -> Finding:
    check = "writer's limit"
    mend = f"prefect gcl update {name} --limit 1 --enable"
    try:
        limit = client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        return warning(
            check,
            f"{name} is not there yet",
            "The first run makes it. Now: afterhype deploy",
        )
    if limit.limit != 1 or not limit.active:
        return problem(check, f"{name} lets more than one run write (limit {limit.limit})", mend)
    return ok(check, f"{name}, {limit.active_slots} of 1 taken")
