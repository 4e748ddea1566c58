"""The state of a deployment, as flows.schedule reads it from Prefect and status shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class DeploymentRuns:
    """One deployment: how its last run ended and when (UTC), and when the next one is due (UTC).

    ``running`` names a run that is at work or waits for its turn to write. Just after a deployment
    ``next_run_at`` may not be known yet.
    """

    deployment: str
    paused: bool
    is_scheduled: bool
    last_run: str | None
    last_state: str | None
    last_message: str | None
    last_ended_at: datetime | None
    running: str | None
    next_run_at: datetime | None
