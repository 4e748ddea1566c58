"""Hand a flow run's context to the process in which dbt runs, so that models show as its tasks."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.context import serialize_context
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings


@flow(name="build")
def stand_in() -> None:
    """Stands for the run's flow, which a worker may have loaded under a name of its own."""


def flow_run_context() -> dict[str, Any]:
    """The context of the flow run at hand, to be pickled: which run it is and where its API is.

    The API of a run without a server of its own is the one that Prefect has started for it.
    """
    url = get_current_settings().api.url
    if not url:
        with get_client(sync_client=True) as client:
            url = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: url}):
        context = serialize_context()
    context["flow_run_context"] |= {"flow": stand_in, "parameters": {}}
    context["task_run_context"] = {}
    return context
