"""Run dbt on the warehouse: build a layer of the models, write the dbt docs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb

from flows.builds import INPUTS, Input
from flows.dbt_process import DbtNode, DbtOutcome, DbtRequest, begin_dbt, run_dbt
from flows.definition import dbt_variables
from flows.errors import TransformError
from flows.lake.location import lake_of
from flows.settings import PROJECT_ROOT, Settings
from flows.sources import Sources
from flows.spark.target import HandedOver
from flows.spark.target import environment as spark_environment
from flows.sql import name_in_sql, text_in_sql
from flows.warehouse import connect

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
PROFILES = PROJECT_ROOT / "profiles"

Layer = Literal["counts", "marts"]
"""What dbt builds in one go: all that is counted, and after the outlook what is published.

A tag of the project's folders: dbt looks at every node for each criterion, and paths cost it most.
"""

OUTLOOK_INPUTS: frozenset[Input] = frozenset({"events", "ranks"})
"""The inputs that flow into the outlook."""

_EVERY_BUILD = "tag:every_build"
"""The models that show the ledger itself."""


@dataclass(frozen=True, kw_only=True)
class Dbt:
    """How dbt is to run on a home: with which variables, on which engine.

    ``by_arrival`` adds what has changed since the last finished build to what stands; otherwise all
    is made anew. ``events_in_lake`` says whether raw.app_events reads files of a lake, which may
    not be where a changed sources file wants it. ``raw_from`` is another warehouse, of which this
    one's raw tables are views; ``spark`` is what a build on Spark is given, whose tables stay in
    the lake.
    """

    settings: Settings
    sources: Sources
    by_arrival: bool = False
    events_in_lake: bool = False
    raw_from: Path | None = None
    spark: HandedOver | None = None

    @property
    def target(self) -> Path:
        """Where dbt writes.

        Builds on Spark have a folder of their own: one parse for both would be thrown away by each.
        """
        return self.settings.dbt_dir / ("target_on_spark" if self.spark else "target")

    @property
    def manifest(self) -> Path:
        """dbt's description of the project, once a command has run."""
        return self.target / "manifest.json"

    def request(self, *command: str) -> DbtRequest:
        """A command for dbt's process."""
        variables = dbt_variables(self.sources) | {"by_arrival": self.by_arrival}
        environment = _environment(self)
        parsed_in = self.settings.dbt_parsed_dir / environment.get("AFTERHYPE_DBT_TARGET", "duckdb")
        return DbtRequest(
            command=command,
            options=(
                *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES)),
                *("--target-path", str(self.target)),
                *("--log-path", str(_log_file(self.settings).parent)),
                # what nobody reads takes half a second each time; Spark's tables are found by it
                *(() if self.spark or command[0] == "docs" else ("--no-write-json",)),
            ),
            variables=json.dumps(variables, sort_keys=True),
            environment=environment,
            log_file=str(_log_file(self.settings)),
            parsed_as=json.dumps([environment.get(name) for name in _PARSED_WITH]),
            # Spark's tables are found by the manifest that parsing leaves in the target
            parse_options=() if self.spark else ("--target-path", str(parsed_in)),
            parse_environment={} if self.spark else _PARSED_WITHOUT,
        )


def _log_file(settings: Settings) -> Path:
    return settings.dbt_dir / "logs" / "dbt.log"


_PARSED_WITH = ("AFTERHYPE_DBT_TARGET", "AFTERHYPE_SCHEMA_PREFIX", "AFTERHYPE_LAKE")
"""What of the environment is in what dbt has parsed: names, not where the warehouse's file is."""

_PARSED_WITHOUT = {
    "AFTERHYPE_WAREHOUSE": "warehouse.duckdb",  # every home's has that name
    "AFTERHYPE_DBT_KEEPS_OPEN": "False",
    "AFTERHYPE_RAW_FROM": "",
    "AFTERHYPE_THREADS": "2",
    "AFTERHYPE_MEMORY_LIMIT": "",
}
"""What else profiles.yml reads, the same for all homes while dbt parses."""


def build_layer(dbt: Dbt, layer: Layer, changed: Collection[Input] = INPUTS) -> tuple[DbtNode, ...]:
    """Build a layer's models and let go of the warehouse; returns what each node came to.

    A build by arrival runs those models only that a ``changed`` input flows into. Data tests go
    with the counts, but for tests of user-level grains; those of the marts, whose statements the
    gate makes, go with a rebuild that is compared (``raw_from``), as all others do. Raises
    TransformError naming each model or test that failed, with dbt's message.
    """
    selected = [f"tag:{layer}"]
    excluded = [] if dbt.raw_from else ["tag:user_level"]
    if dbt.raw_from and layer == "marts":
        selected.append("resource_type:test")
        excluded.append("tag:counts")  # tested with the counts
    if dbt.by_arrival:
        changing = [f"tag:{name}_input+" for name in sorted(changed)]
        if OUTLOOK_INPUTS & set(changed):
            changing.append("tag:outlook+")
        selected = [f"{criterion},tag:{layer}" for criterion in (*changing, _EVERY_BUILD)]
        # the definitions are the same as those of the last build, and so are views
        excluded.append("config.materialized:view")
    # unit tests check the code, not the data: they run in `make test`, not with every day's data
    command = ["build", "--exclude-resource-type", "unit_test", "--indirect-selection", "empty"]
    command += ["--select", *selected]
    command += ["--exclude", *excluded] if excluded else []
    return _checked(run_dbt(dbt.request(*command)), "build", dbt.settings).nodes


@dataclass(frozen=True, kw_only=True)
class _Docs:
    """The page of dbt's docs, and the hash of what it is made of. ``note`` keeps that of the page.

    It takes seconds to write, and comes out the same as long as the project, its variables and the
    tables' columns do.
    """

    dbt: Dbt
    made_of: str

    @property
    def page(self) -> Path:
        return self.dbt.target / "static_index.html"

    @property
    def note(self) -> Path:
        return self.dbt.target / "static_index.made_of"

    @property
    def is_written(self) -> bool:
        return (
            self.page.exists()
            and self.note.exists()
            and self.note.read_text(encoding="utf-8") == self.made_of
        )

    @property
    def empty_warehouse(self) -> Path:
        return self.dbt.settings.dbt_dir / f"docs-{self.made_of[:12]}" / "warehouse.duckdb"

    def request(self) -> DbtRequest:
        # the page shows a model's SQL as it runs; that of tests, two thirds of the work, as written
        without_tests = ("--exclude", "resource_type:test", "resource_type:unit_test")
        request = self.dbt.request("docs", "generate", "--static", *without_tests)
        # what was parsed for builds keeps the SQL of tests that ran, and the page would show it
        request = replace(request, parsed_as=f"{request.parsed_as} for docs")
        if self.dbt.events_in_lake:
            return request
        _copy_without_rows(self.dbt.settings, self.empty_warehouse)
        environment = {**request.environment, "AFTERHYPE_WAREHOUSE": str(self.empty_warehouse)}
        return replace(request, environment=environment)


def begin_docs(settings: Settings, sources: Sources) -> None:
    """Have dbt begin with its page, where that has to be written; ``write_docs`` waits for it.

    The warehouse is left alone meanwhile, unless its events are in a lake: then nothing begins.
    """
    docs = _docs(settings, sources)
    if not docs.is_written and not docs.dbt.events_in_lake:
        begin_dbt(docs.request())


def write_docs(settings: Settings, sources: Sources) -> Path:
    """Write the dbt docs as one self-contained page, if need be, and return its path."""
    docs = _docs(settings, sources)
    if docs.is_written:
        return docs.page
    docs.note.unlink(missing_ok=True)  # a page that is written in part is made of nothing
    _checked(run_dbt(docs.request()), "docs", settings)
    shutil.rmtree(docs.empty_warehouse.parent, ignore_errors=True)
    docs.page.write_text(_tidy(docs.page.read_text(encoding="utf-8"), settings), encoding="utf-8")
    docs.note.write_text(docs.made_of, encoding="utf-8")
    return docs.page


def _docs(settings: Settings, sources: Sources) -> _Docs:
    with connect(settings, read_only=True) as con:
        in_lake = lake_of(con) is not None
        catalogue = con.execute(_CATALOGUE).fetchall()
    dbt = Dbt(settings=settings, sources=sources, events_in_lake=in_lake)
    return _Docs(dbt=dbt, made_of=_hash_of_docs(dbt, catalogue))


def _copy_without_rows(settings: Settings, copy: Path) -> None:
    """A warehouse of the same tables, views and comments, which dbt may read meanwhile.

    Its name is the warehouse's, by which the views call their tables.
    """
    if copy.exists():
        return
    for left_by_a_killed_run in copy.parent.parent.glob("docs-*"):
        shutil.rmtree(left_by_a_killed_run)
    aside = copy.parent.with_suffix(".partial")
    aside.mkdir(parents=True)
    with duckdb.connect(str(aside / copy.name)) as con:
        con.execute(f"attach {text_in_sql(settings.warehouse_path)} as original (read_only)")
        con.execute(f"copy from database original to {name_in_sql(copy.stem)} (schema)")
    aside.rename(copy.parent)


_CATALOGUE = """
    select schema_name, table_name, column_name, data_type, comment
    from duckdb_columns()
    where database_name = current_database() and not internal
    order by schema_name, table_name, column_index
"""
"""What dbt's page says of a warehouse: columns, types and comments, never how many rows."""


def _hash_of_docs(dbt: Dbt, catalogue: Sequence[tuple[object, ...]]) -> str:
    digest = hashlib.sha256(importlib.metadata.version("dbt-core").encode())
    digest.update(json.dumps(dbt_variables(dbt.sources), sort_keys=True).encode())
    digest.update(repr(catalogue).encode())
    for path in sorted(DBT_PROJECT.rglob("*")):
        if path.suffix in (".csv", ".md", ".sql", ".yml"):
            digest.update(str(path.relative_to(DBT_PROJECT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _tidy(html: str, settings: Settings) -> str:
    """Take the machine's paths out of dbt's page, and what makes a browser complain."""
    for folder in (settings.dbt_dir, DBT_PROJECT, PROFILES):
        html = html.replace(f"{folder}/", "").replace(str(folder), folder.name)
    # an icon that dbt does not ship, and templates that a browser would fetch as they stand
    html = re.sub(r'<link rel="shortcut icon"[^>]*>', "", html, count=1)
    return html.replace('xlink:href="{{', 'ng-attr-xlink:href="{{')


def _checked(outcome: DbtOutcome, command: str, settings: Settings) -> DbtOutcome:
    if outcome.error:
        raise TransformError(f"dbt {command} did not run: {outcome.error}")
    if not outcome.success:
        raise TransformError(_failures(command, outcome, settings))
    return outcome


def _failures(command: str, outcome: DbtOutcome, settings: Settings) -> str:
    failed = [node for node in outcome.nodes if node.failed]
    lines = [f"  {node.resource_type} {node.name}: {node.message}" for node in failed]
    return "\n".join(
        [
            f"dbt {command}: {len(failed)} of {len(outcome.nodes)} failed; nothing was published",
            *lines,
            f"  The whole log: {_log_file(settings)}",
        ]
    )


def _environment(dbt: Dbt) -> dict[str, str]:
    """What profiles.yml reads, for the length of a dbt command."""
    settings = dbt.settings
    ours = {
        "AFTERHYPE_WAREHOUSE": str(settings.warehouse_path),
        "AFTERHYPE_DBT_KEEPS_OPEN": "True",  # flows.dbt_commands closes it
        "DO_NOT_TRACK": "1",
    }
    if dbt.events_in_lake:
        ours["AFTERHYPE_DBT_TARGET"] = "duckdb_lake"
    if dbt.raw_from:
        ours["AFTERHYPE_RAW_FROM"] = str(dbt.raw_from)
    if settings.threads:
        ours["AFTERHYPE_THREADS"] = str(settings.threads)
    if settings.memory_limit:
        ours["AFTERHYPE_MEMORY_LIMIT"] = settings.memory_limit
    if dbt.spark:
        ours |= spark_environment(settings, dbt.spark)
    return ours
