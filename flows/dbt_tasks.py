"""The process in which dbt runs; of a flow's build, each model shows as a task of the flow.

Run as ``python -m flows.dbt_tasks FD`` by flows.dbt_process: requests come on stdin, answers go to
the file descriptor named. It ends at once when stdin does, whatever it is doing: then the run that
started it is dead, and its home belongs to the next one.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventLevel
from prefect.context import hydrated_context
from prefect.events.worker import EventsWorker
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogWorker
from prefect.settings import get_current_settings
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

from flows.dbt_process import DbtFailure, DbtOutcome, DbtRequest
from flows.lake.handover import Lake
from flows.sources import Storage
from flows.transform import DBT_PROJECT, PROFILES

_LOGGED = "info"
"""What goes to dbt.log, to which a failure's message points. Debug costs a tenth of a build."""


class _ModelsAsTasks(PrefectDbtRunner):  # type: ignore[misc]
    """Show no tasks for data tests: seventy more, each a thread, would double a day's build."""

    def _get_manifest_node_and_config(self, node_id: str) -> tuple[Any, dict[str, Any]]:
        node, config = super()._get_manifest_node_and_config(node_id)
        return (node, config) if node and node.resource_type == "model" else (None, {})


def main(answers_descriptor: int) -> None:
    """Answer one request after the other until stdin ends."""
    requests: queue.Queue[DbtRequest] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    setup_logging()  # Prefect's, which sends what dbt says to the run's log
    for worker in (EventsWorker, APILogWorker):
        # it warns every second that it has not ended yet; that is what it is waited for
        logging.getLogger(worker.__name__).setLevel(logging.ERROR)
    with os.fdopen(answers_descriptor, "wb") as answers:
        while True:
            outcome = _answer(requests.get())
            pickle.dump(outcome, answers)
            answers.flush()


def _read(requests: queue.Queue[DbtRequest]) -> None:
    try:
        while True:
            requests.put(pickle.load(sys.stdin.buffer))
    except EOFError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _answer(request: DbtRequest) -> DbtOutcome:
    with _environment(request.environment), _spark(request.environment):
        try:
            if request.context is None:
                result = _plainly(request)
            else:
                with hydrated_context(dict(request.context)):
                    result = _as_tasks(request)
        except Exception as error:  # prefect-dbt raises where dbt itself tells of an exception
            return DbtOutcome(success=False, error=str(error.__cause__ or error))
        finally:
            _let_go_of_the_warehouse()
    if result.exception:
        return DbtOutcome(success=False, error=str(result.exception))
    return DbtOutcome(
        success=bool(result.success),
        nodes=len(list(_nodes(result))),
        failures=tuple(
            DbtFailure(
                resource_type=str(node.node.resource_type),
                name=node.node.name,
                message=str(node.message),
            )
            for node in _nodes(result)
            if node.status in ("error", "fail", "runtime error")
        ),
    )


@contextmanager
def _spark(environment: Mapping[str, str]) -> Iterator[None]:
    """For a build on Spark: let its models in Python run here, and its session end with it."""
    if "AFTERHYPE_LAKE" not in environment:
        yield
        return
    from flows.spark import python_models, session  # not every installation has Spark

    python_models.let_the_adapter_run_them(
        Lake(
            environment["AFTERHYPE_LAKE"],
            Storage.model_validate_json(environment["AFTERHYPE_LAKE_STORAGE"]),
        ),
        environment["AFTERHYPE_SCHEMA_PREFIX"],
    )
    try:
        yield
    finally:
        session.end()


def _let_go_of_the_warehouse() -> None:
    """Close the file, which dbt keeps open from node to node: the run goes on with it."""
    with suppress(Exception):  # there is none where dbt failed before it opened one
        DuckDBConnectionManager.env().close()
    DuckDBConnectionManager.close_all_connections()


def _nodes(result: Any) -> Iterator[Any]:
    """The results by node; a command such as ``docs generate`` has none."""
    return (r for r in getattr(result.result, "results", ()) or () if hasattr(r, "status"))


def _plainly(request: DbtRequest) -> Any:
    return dbtRunner().invoke(list(request.arguments), log_level="none", log_level_file=_LOGGED)


def _as_tasks(request: DbtRequest) -> Any:
    settings = PrefectDbtSettings(
        project_dir=DBT_PROJECT, profiles_dir=PROFILES, log_level=EventLevel(_log_level())
    )
    runner = _ModelsAsTasks(settings=settings, raise_on_failure=False, disable_assets=True)
    result = runner.invoke(list(request.arguments), log_level_file=_LOGGED)
    # the tasks run in daemon threads that the runner does not wait for
    for thread in threading.enumerate():
        if thread.name.endswith("(run_task)"):
            thread.join()
    # this process may be ended as soon as it has answered: what is told of the tasks goes first
    EventsWorker.drain_all(timeout=30)
    APILogWorker.drain_all(timeout=30)
    return result


@contextmanager
def _environment(ours: Mapping[str, str]) -> Iterator[None]:
    """Set what profiles.yml reads, for the length of a dbt command."""
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _log_level() -> str:
    """Prefect's level in dbt's word: the runner sets the loggers of its tasks to it."""
    level = get_current_settings().logging.level.lower()
    return {"warning": "warn", "critical": "error"}.get(level, level)


if __name__ == "__main__":
    # requests are of the classes of the importable module, not of this __main__
    try:
        main(int(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # the thread that reads cannot be joined
