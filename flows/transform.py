"""Run dbt on the warehouse: build the marts, write the dbt docs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.dbt_process import DbtOutcome, run_dbt
from flows.definition import dbt_variables
from flows.errors import TransformError
from flows.settings import PROJECT_ROOT, Settings
from flows.sources import Sources
from flows.spark.target import HandedOver
from flows.spark.target import environment as spark_environment

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
PROFILES = PROJECT_ROOT / "profiles"

FlowRunContext = Mapping[str, Any]
"""A Prefect flow run's context (flows.dbt_context), as whose tasks the models show."""


def build_marts(
    settings: Settings,
    sources: Sources,
    *,
    by_arrival: bool = False,
    raw_from: Path | None = None,
    spark: HandedOver | None = None,
    context: FlowRunContext | None = None,
) -> Path:
    """Build every model, run the data tests that go with a build, and let go of the warehouse.

    Returns dbt's manifest of the build. ``spark`` is what a build on Spark is given; its tables
    stay in the lake.

    Tests of user-level grains and of the marts go with a rebuild aside (``raw_from``) only.
    ``by_arrival`` adds what has changed since the last finished build to what stands; otherwise all
    is made anew. ``raw_from`` is another warehouse, to be attached, of which this one's raw tables
    are views. Raises TransformError naming each model or test that failed, with dbt's message.
    """
    # unit tests check the code, not the data: they run in `make test`, not with every day's data
    command = ["build", "--exclude-resource-type", "unit_test"]
    if not raw_from:
        command += ["--exclude", "tag:user_level", "tag:mart_level"]
    variables = _variables(sources, by_arrival)
    environment = _environment(settings, sources, raw_from, spark)
    arguments = dbt_arguments(settings, variables, spark)
    _run([*command, *arguments], settings, environment, context)
    return _target(settings, variables, spark) / "manifest.json"


def write_docs(settings: Settings, sources: Sources) -> Path:
    """Write the dbt docs as one self-contained page and return its path."""
    variables = _variables(sources, by_arrival=False)
    command = ["docs", "generate", "--static", *dbt_arguments(settings, variables)]
    _run(command, settings, _environment(settings, sources), None)
    page = _target(settings, variables) / "static_index.html"
    page.write_text(_tidy(page.read_text(encoding="utf-8"), settings), encoding="utf-8")
    return page


def _tidy(html: str, settings: Settings) -> str:
    """Take the machine's paths out of dbt's page, and what makes a browser complain."""
    for folder in (settings.dbt_dir, DBT_PROJECT, PROFILES):
        html = html.replace(f"{folder}/", "").replace(str(folder), folder.name)
    # an icon that dbt does not ship, and templates that a browser would fetch as they stand
    html = re.sub(r'<link rel="shortcut icon"[^>]*>', "", html, count=1)
    return html.replace('xlink:href="{{', 'ng-attr-xlink:href="{{')


def _variables(sources: Sources, by_arrival: bool) -> dict[str, Any]:
    return dbt_variables(sources) | {"by_arrival": by_arrival}


def _target(settings: Settings, variables: dict[str, Any], spark: HandedOver | None = None) -> Path:
    """Where dbt writes, and keeps what it has parsed until a file or a variable changes.

    Builds by arrival have a folder of their own, and so do those on Spark: one parse for all would
    be thrown away by each.
    """
    name = "target_by_arrival" if variables.get("by_arrival") else "target"
    return settings.dbt_dir / (f"{name}_on_spark" if spark else name)


def dbt_arguments(
    settings: Settings, variables: dict[str, Any], spark: HandedOver | None = None
) -> list[str]:
    """The options that every dbt command of this home shares."""
    return [
        "--vars",
        json.dumps(variables),
        "--project-dir",
        str(DBT_PROJECT),
        "--profiles-dir",
        str(PROFILES),
        "--target-path",
        str(_target(settings, variables, spark)),
        "--log-path",
        str(settings.dbt_dir / "logs"),
    ]


def _run(
    command: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str],
    context: FlowRunContext | None,
) -> None:
    outcome = run_dbt(command, environment, context)
    if outcome.error:
        raise TransformError(f"dbt {command[0]} did not run: {outcome.error}")
    if not outcome.success:
        raise TransformError(_failures(command[0], outcome, settings))


def _failures(command: str, outcome: DbtOutcome, settings: Settings) -> str:
    failed = outcome.failures
    lines = [f"  {node.resource_type} {node.name}: {node.message}" for node in failed]
    return "\n".join(
        [
            f"dbt {command}: {len(failed)} of {outcome.nodes} failed; nothing was published",
            *lines,
            f"  The whole log: {settings.dbt_dir / 'logs' / 'dbt.log'}",
        ]
    )


def _environment(
    settings: Settings,
    sources: Sources,
    raw_from: Path | None = None,
    spark: HandedOver | None = None,
) -> dict[str, str]:
    """What profiles.yml reads, for the length of a dbt command."""
    ours = {
        "AFTERHYPE_WAREHOUSE": str(settings.warehouse_path),
        "AFTERHYPE_DBT_KEEPS_OPEN": "True",  # flows.dbt_tasks closes it
        "DO_NOT_TRACK": "1",
    }
    if sources.land.to == "lake":
        ours["AFTERHYPE_DBT_TARGET"] = "duckdb_lake"
    if raw_from:
        ours["AFTERHYPE_RAW_FROM"] = str(raw_from)
    if settings.threads:
        ours["AFTERHYPE_THREADS"] = str(settings.threads)
    if settings.memory_limit:
        ours["AFTERHYPE_MEMORY_LIMIT"] = settings.memory_limit
    if spark:
        ours |= spark_environment(settings, spark)
    return ours
