"""What dbt's process does for a request: run one dbt command, with what has been parsed before.

Importing this module imports dbt, which takes seconds: only flows.dbt_child does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging import makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import dbt.task.build  # noqa: F401, which dbt imports with the first build, when a run waits for it
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventMsg
from dbt_common.events.functions import env_scrubber

from flows.dbt_process import DbtNode, DbtOutcome, DbtRequest

_LOGGED = frozenset({"info", "warn", "error"})
"""The levels that go to dbt.log, to which a failure's message points."""

_NOT_LOGGED_BY_DBT = {"log_level": "none", "log_level_file": "none"}
"""dbt words each event of the level debug before it leaves it out: a tenth of a build."""

_FAILED = ("error", "fail", "runtime error")
"""dbt's words for a node that did not do what it should."""

_PARSED_KEPT = 3
"""One per engine that a process builds on is enough; those used last are kept."""


def answer(request: DbtRequest, manifests: dict[str, Any]) -> DbtOutcome:
    """What a command came to. ``manifests`` are those parsed so far, by ``parsed_as``."""
    with _environment(request.environment):
        try:
            result = found = parsed(request, manifests)
            if found.success and request.command != ("parse",):
                result = _invoke(request, found.result)
        except Exception as error:
            return DbtOutcome(success=False, error=str(error.__cause__ or error))
        finally:
            let_go_of_the_warehouse()
            _end_spark_session()
    if result.exception:
        return DbtOutcome(success=False, error=str(result.exception))
    return DbtOutcome(success=bool(result.success), nodes=tuple(_nodes(result)))


def parsed(request: DbtRequest, manifests: dict[str, Any]) -> Any:
    """The result of parsing the project: once for all commands that it is the same for.

    Nobody changes the project's files under a run, so that not even a look at them is needed. It is
    parsed with the project's own variables: no config and no ref depends on any, and a command
    renders the SQL with those that it is given.
    """
    if request.parsed_as not in manifests:
        with _environment(request.parse_environment), _log(request.log_file) as log:
            found = dbtRunner(callbacks=[log]).invoke(
                ["parse", *request.options, *request.parse_options], **_NOT_LOGGED_BY_DBT
            )
        if found.exception or not found.success:
            return found
        while len(manifests) >= _PARSED_KEPT:
            del manifests[next(iter(manifests))]
        manifests[request.parsed_as] = found
    manifests[request.parsed_as] = manifests.pop(request.parsed_as)  # the last to go
    return manifests[request.parsed_as]


def _invoke(request: DbtRequest, manifest: Any) -> Any:
    with _log(request.log_file) as log:
        return dbtRunner(manifest=manifest, callbacks=[log]).invoke(
            [*request.command, "--vars", request.variables, *request.options],
            **_NOT_LOGGED_BY_DBT,
        )


@contextmanager
def _log(path: str) -> Iterator[Callable[[EventMsg], None]]:
    """What writes dbt's events into its log, as dbt does, but for those of the level debug."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(path, maxBytes=10_000_000, backupCount=5, encoding="utf-8")

    def note(event: EventMsg) -> None:
        if event.info.level in _LOGGED:
            at = datetime.now(UTC).strftime("%H:%M:%S.%f")
            line = f"{at} [{event.info.level:<5}] {env_scrubber(event.info.msg)}"
            file.emit(makeLogRecord({"msg": line}))

    try:
        yield note
    finally:
        file.close()


def _nodes(result: Any) -> Iterator[DbtNode]:
    """The results by node; a command such as ``docs generate`` has none."""
    for node in getattr(result.result, "results", ()) or ():
        if hasattr(node, "status") and hasattr(node.node.config, "materialized"):
            yield DbtNode(
                resource_type=str(node.node.resource_type),
                name=node.node.name,
                seconds=float(node.execution_time),
                failed=node.status in _FAILED,
                message=str(node.message),
            )


def let_go_of_the_warehouse() -> None:
    """Close the file, which dbt keeps open from node to node: the run goes on with it."""
    with suppress(Exception):  # there is none where dbt failed before it opened one
        DuckDBConnectionManager.env().close()
    DuckDBConnectionManager.close_all_connections()


def _end_spark_session() -> None:
    """End the session of a command on Spark, which would hold a cluster's executors."""
    if "pyspark" in sys.modules:
        from flows.spark import session  # not every installation has Spark

        session.end()


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
