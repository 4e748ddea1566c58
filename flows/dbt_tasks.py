"""Run dbt so that each of its models shows as a task of the Prefect flow.

Importing this module imports dbt and prefect-dbt, which takes seconds: import it where it is used.
"""

from __future__ import annotations

import threading
from typing import Any

from dbt_common.events.base_types import EventLevel
from prefect.settings import get_current_settings
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

from flows.transform import DBT_PROJECT, PROFILES


class _ModelsAsTasks(PrefectDbtRunner):  # type: ignore[misc]
    """Show no tasks for data tests: seventy more, each a thread, would double a day's build."""

    def _get_manifest_node_and_config(self, node_id: str) -> tuple[Any, dict[str, Any]]:
        node, config = super()._get_manifest_node_and_config(node_id)
        return (node, config) if node and node.resource_type == "model" else (None, {})


def invoke(arguments: list[str]) -> Any:
    """Run one dbt command and return dbt's result, once every model's task has ended."""
    settings = PrefectDbtSettings(
        project_dir=DBT_PROJECT, profiles_dir=PROFILES, log_level=EventLevel(_log_level())
    )
    runner = _ModelsAsTasks(settings=settings, raise_on_failure=False, disable_assets=True)
    result = runner.invoke(arguments)
    # the tasks run in daemon threads that the runner does not wait for: where the process ends
    # before them, the interpreter aborts
    for thread in threading.enumerate():
        if thread.name.endswith("(run_task)"):
            thread.join()
    return result


def _log_level() -> str:
    """Prefect's level in dbt's word: the runner sets the loggers of its tasks to it."""
    level = get_current_settings().logging.level.lower()
    return {"warning": "warn", "critical": "error"}.get(level, level)
