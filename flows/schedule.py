"""What Prefect knows of the deployments: their last and next runs, and runs that are overdue."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import (
    DeploymentResponse,
    OrchestrationResult,
    SetStateStatus,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from flows.deployment_runs import DeploymentRuns

TAG = "afterhype"
"""The tag of every deployment of prefect.yaml, and so of their runs."""

_WAITING = [StateType.SCHEDULED]
_DONE = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]


def deployment_runs(client: SyncPrefectClient) -> list[DeploymentRuns]:
    """One entry per deployment with our tag, by name. Raises httpx.HTTPError when the API fails."""
    found = client.read_deployments(
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    )
    return [
        _deployment_runs(client, deployment)
        for deployment in sorted(found, key=lambda deployment: deployment.name)
    ]


def cancel_superseded(now: datetime | None = None) -> list[str]:
    """Cancel the other scheduled runs of this run's deployment that are due: this one does it all.

    A worker that was down for a day finds a run for every hour of it; the flows work on whatever is
    new, so that one of them does what all of them would. Runs triggered by hand are left alone, and
    supersede nothing. ``now`` has a zone. Returns the names of those cancelled.
    """
    context = FlowRunContext.get()
    this = context.flow_run if context else None
    if this is None or not this.auto_scheduled or this.deployment_id is None:
        return []
    cancelled = []
    with get_client(sync_client=True) as client:
        for run in _overdue(client, this.deployment_id, now or datetime.now(UTC)):
            if run.id == this.id or not run.auto_scheduled:
                continue
            message = f"Superseded by the run {this.name}, which does what this one would have."
            answer: OrchestrationResult[None] = client.set_flow_run_state(
                run.id, Cancelled(name="Superseded", message=message)
            )
            if answer.status == SetStateStatus.ACCEPT:
                cancelled.append(run.name)
    return cancelled


def _overdue(client: SyncPrefectClient, deployment_id: UUID, now: datetime) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_WAITING)),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=now),
        ),
        limit=200,
    )


def _deployment_runs(client: SyncPrefectClient, deployment: DeploymentResponse) -> DeploymentRuns:
    def first(types: list[StateType], sort: FlowRunSort) -> FlowRun | None:
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types))
            ),
            sort=sort,
            limit=1,
        )
        return runs[0] if runs else None

    last = first(_DONE, FlowRunSort.END_TIME_DESC)
    running = first([StateType.RUNNING, StateType.PENDING], FlowRunSort.START_TIME_DESC)
    coming = first(_WAITING, FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC)
    return DeploymentRuns(
        deployment=deployment.name,
        paused=deployment.paused,
        is_scheduled=any(schedule.active for schedule in deployment.schedules),
        last_run=last.name if last else None,
        last_state=last.state_name if last else None,
        last_message=last.state.message if last and last.state else None,
        last_ended_at=last.end_time if last else None,
        running=running.name if running else None,
        next_run_at=coming.next_scheduled_start_time if coming else None,
    )
