"""The alerts: Prefect automations that call a webhook, or a notification block, when one is due."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows import events
from flows.errors import AfterhypeError, ConfigurationError
from flows.schedule import TAG
from flows.settings import Settings

WEBHOOK_BLOCK = "afterhype-alerts"
"""The Prefect block that holds the webhook's address, which may be a secret."""

PREFIX = "afterhype: "
_HEARTBEAT = f"{PREFIX}end runs without a heartbeat"
_PATIENCE_SECONDS = 60
_SILENCE = timedelta(seconds=90)
_OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}


@dataclass(frozen=True, kw_only=True)
class Alert:
    """What is told when: ``what`` is a template over the event or the run that was ended."""

    name: str
    description: str
    trigger: EventTrigger
    what: str
    what_to_do: str


def alerts(late_after_hours: float) -> tuple[Alert, ...]:
    """Every alert, and what its reader should do."""
    return (
        Alert(
            name="gate stopped",
            description="A gate held extracts back, or stopped a publication.",
            trigger=_on(events.GATE_STOPPED),
            what="event.payload.message",
            what_to_do="Raw gate: `afterhype extracts --status quarantined`, then release, discard "
            "or reland. Mart gate: the last publication stands; see the Data Docs.",
        ),
        Alert(
            name="run failed",
            description="A run of a deployment failed, crashed or took too long.",
            trigger=EventTrigger(
                expect={
                    "prefect.flow-run.Failed",
                    "prefect.flow-run.Crashed",
                    "prefect.flow-run.TimedOut",
                },
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=_OURS,
                for_each={"prefect.resource.id"},
                posture=Posture.Reactive,
                threshold=1,
            ),
            what="flow_run.state.message",
            what_to_do="Read the run's log. The next scheduled run tries again; nothing that was "
            "published has changed.",
        ),
        Alert(
            name="source stale",
            description="A source brought nothing new for its stale_after_hours, or for long by "
            "its own rhythm, or lies far behind its app's others.",
            trigger=_on(events.SOURCE_STALE),
            what="event.payload.message",
            what_to_do="See whether the export still arrives where the sources file looks for it. "
            "A source that has ended gets `ended: DATE`, and holds its app back no longer.",
        ),
        Alert(
            name="publication late",
            description=f"For {late_after_hours:g} hours no run has published, nor found that the "
            "publication holds all that has landed.",
            trigger=EventTrigger(
                after={events.PUBLISHED, events.UNCHANGED},
                expect={events.PUBLISHED, events.UNCHANGED},
                match={"prefect.resource.id": "afterhype.home.*"},
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=timedelta(hours=late_after_hours),
            ),
            what=f"'No publication for {late_after_hours:g} hours.'",
            what_to_do="Is the worker running, and did the last daily run end well? "
            "`afterhype run` publishes by hand.",
        ),
        Alert(
            name="delivery failed",
            description="A target of publish.to did not take what is published.",
            trigger=_on(events.DELIVERY_FAILED),
            what="event.payload.message",
            what_to_do="The target holds what it held; `afterhype status` says what. Mend it, then "
            "`afterhype deliver`, or wait for the next run.",
        ),
        Alert(
            name="verify found a difference",
            description="A cell of the marts is not what a rebuild gives.",
            trigger=_on(events.MARTS_DIFFER),
            what="event.payload.message",
            what_to_do="`afterhype build --full`, then `afterhype publish`; then find out who "
            "wrote to the warehouse, or report the bug.",
        ),
        Alert(
            name="test",
            description="`afterhype alerts test` was called.",
            trigger=_on(events.TEST),
            what="event.payload.message",
            what_to_do="Nothing: alerts arrive.",
        ),
    )


def install(
    client: SyncPrefectClient,
    *,
    webhook: str | None = None,
    block: str | None = None,
    late_after_hours: float = 26,
) -> list[str]:
    """Create the automations, or renew those there are; returns their names.

    ``webhook`` is an address that gets JSON by POST; ``block`` a Prefect notification block, as
    TYPE/NAME (slack-webhook/ops, email/ops …), that gets text. Raises ConfigurationError when
    neither or both are given, or the block does not exist.
    """
    if (webhook is None) == (block is None):
        raise ConfigurationError("alerts install: give either --webhook URL or --block TYPE/NAME")
    if webhook is not None and not webhook.startswith(("http://", "https://")):
        raise ConfigurationError(
            "alerts install: --webhook wants an address with http:// or https://"
        )
    if late_after_hours * 3600 < 10:
        raise ConfigurationError("alerts install: --late-after-hours: at least ten seconds")
    block_id = _save_webhook(webhook) if webhook else _find_block(client, block or "")
    wanted = [
        _automation(alert, _act(alert, block_id, is_webhook=webhook is not None))
        for alert in alerts(late_after_hours)
    ]
    for automation in wanted:
        _put(client, automation)
    return [automation.name for automation in wanted]


def end_runs_without_heartbeat(client: SyncPrefectClient) -> None:
    """Have Prefect mark a run as crashed whose process was killed, with its worker or alone.

    Otherwise such a run would count as running for ever. prefect.yaml has the runs send heartbeats.
    """
    heartbeat = "prefect.flow-run.heartbeat"
    ends = ("Completed", "Failed", "TimedOut", "Crashed", "Cancelled", "Cancelling", "Superseded")
    trigger = EventTrigger(
        after={heartbeat},
        expect={heartbeat, *(f"prefect.flow-run.{state}" for state in ends)},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=_OURS,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=_SILENCE,
    )
    message = "It sent no heartbeat for 90 seconds: its process or its machine is gone."
    _put(
        client,
        AutomationCore(
            name=_HEARTBEAT,
            description="A run whose process was killed does not count as running for ever.",
            tags=[TAG],
            trigger=trigger,
            actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
        ),
    )


def installed(client: SyncPrefectClient) -> list[Automation]:
    """The automations that ``install`` and ``deploy`` have created, by name."""
    return sorted(
        (found for found in client.read_automations() if found.name.startswith(PREFIX)),
        key=lambda automation: automation.name,
    )


def remove(client: SyncPrefectClient) -> list[str]:
    """Delete the alerts and their webhook block; returns the names of those that were there."""
    gone = [found for found in installed(client) if found.name != _HEARTBEAT]
    for automation in gone:
        client.delete_automation(automation.id)
    with suppress(ValueError):  # alerts went to another block
        Webhook.delete(WEBHOOK_BLOCK)
    return [automation.name for automation in gone]


def send_test(client: SyncPrefectClient, settings: Settings) -> str:
    """Send a test alert and return what became of it, as the server tells.

    Raises AfterhypeError when no alerts are installed, or the call failed.
    """
    found = client.read_automations_by_name(f"{PREFIX}test")
    if not found:
        raise AfterhypeError("no alerts are installed yet: `afterhype alerts install --webhook …`")
    since = events.tell_test(settings)
    resource = f"prefect.automation.{found[0].id}"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for event in _action_events(client, resource):
            if since is not None and event["occurred"] < since.occurred.isoformat():
                continue
            if event["event"].endswith(".executed"):
                status = event["payload"].get("status_code")
                if status is not None and status >= 300:
                    raise AfterhypeError(f"the webhook answered {status}; see its address and log")
                return "sent" if status is None else f"the webhook answered {status}"
            if event["event"].endswith(".failed"):
                raise AfterhypeError(f"the alert failed: {event['payload'].get('reason')}")
        time.sleep(1)
    raise AfterhypeError(
        f"the server did not act on the alert within {_PATIENCE_SECONDS} s; is it running with its "
        "services (`prefect server start` runs them)?"
    )


def _action_events(client: SyncPrefectClient, resource: str) -> Sequence[dict[str, Any]]:
    answer = client.request(
        "POST",
        "/events/filter",
        json={
            "filter": {
                "event": {"prefix": ["prefect.automation.action."]},
                "resource": {"id": [resource]},
            },
            "limit": 20,
        },
    )
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def _on(event: str) -> EventTrigger:
    return EventTrigger(
        expect={event},
        match={"prefect.resource.id": "afterhype.home.*"},
        posture=Posture.Reactive,
        threshold=1,
    )


def _act(alert: Alert, block_id: UUID, *, is_webhook: bool) -> ActionTypes:
    if is_webhook:
        return CallWebhook(block_document_id=block_id, payload=_payload(alert))
    return SendNotification(
        block_document_id=block_id,
        subject=f"{PREFIX}{alert.name}",
        body=f"{{{{ {alert.what} | default('', true) }}}}\n\n{alert.what_to_do}\n\n"
        f"{{{{ flow_run.name | default('', true) }}}} {{{{ {_link()} }}}}",
    )


def _payload(alert: Alert) -> str:
    """JSON, whatever the values hold; what has no run (a publication that is late) has none."""
    fields = {
        "alert": json.dumps(alert.name),
        "what": _as_json(alert.what),
        "what_to_do": json.dumps(alert.what_to_do),
        "home": _as_json("event.resource.name"),
        "deployment": _as_json("deployment.name"),
        "run": _as_json("flow_run.name"),
        "link": _as_json(_link()),
        "details": "{{ event.payload | default({}, true) | tojson }}",
    }
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


def _as_json(expression: str) -> str:
    return f"{{{{ ({expression}) | default('', true) | string | tojson }}}}"


def _link() -> str:
    """The run's page, or the list of runs; the server may not know under which address it is."""
    ui = str(get_current_settings().ui_url or "").rstrip("/")
    return f"'{ui}/runs/flow-run/' ~ flow_run.id if flow_run else '{ui}/runs'"


def _automation(alert: Alert, action: ActionTypes) -> AutomationCore:
    return AutomationCore(
        name=f"{PREFIX}{alert.name}",
        description=alert.description,
        tags=[TAG],
        trigger=alert.trigger,
        actions=[action],
    )


def _put(client: SyncPrefectClient, automation: AutomationCore) -> None:
    before = client.read_automations_by_name(automation.name)
    if before:
        client.update_automation(before[0].id, automation)
        for twin in before[1:]:
            client.delete_automation(twin.id)
    else:
        client.create_automation(automation)


def _save_webhook(url: str) -> UUID:
    block = Webhook(method="POST", url=url, headers={"Content-Type": "application/json"})
    return UUID(str(block.save(WEBHOOK_BLOCK, overwrite=True)))


def _find_block(client: SyncPrefectClient, block: str) -> UUID:
    kind, _, name = block.partition("/")
    try:
        return client.read_block_document_by_name(name=name, block_type_slug=kind).id
    except ObjectNotFound as error:
        raise ConfigurationError(
            f"alerts install: there is no Prefect block {block!r}; create it in the UI, or see "
            "`prefect block ls`"
        ) from error
