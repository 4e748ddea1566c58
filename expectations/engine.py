"""Run suites with Great Expectations inside DuckDB, and write what came of them as Data Docs.

Importing this module imports Great Expectations, which takes seconds: import it where it is used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from expectations import lean_import  # noqa: F401, before what it is about

# isort: split
import great_expectations as gx
import sqlalchemy as sa
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

from expectations.checks import Check, Suite
from expectations.no_violations import ExpectNoViolations
from expectations.suites import mart_suites, raw_suites

_SITE = "afterhype quality gates"
_WHOLE = "whole"
_VIEWS = "expectations.data_docs.view"
_INDEX = "expectations.data_docs.index"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a check found: how many violations and the rows themselves, or why it could not run.

    ``rows`` is complete for raw suites, where each row is an extract; for marts it is the first
    200 at most.
    """

    count: int = 0
    rows: tuple[dict[str, Any], ...] = ()
    error: str | None = None


def judge(
    suites: Sequence[Suite],
    *,
    warehouse: Path,
    config: dict[str, str | int],
    open_lake: Callable[[Any], None],
    extract_ids: Sequence[str],
    run_name: str,
    results_dir: Path,
    docs_dir: Path,
) -> dict[str, tuple[Outcome, ...]]:
    """The outcome of every check, by suite name, in the order of the suite's checks.

    The warehouse is opened read-only and closed again. ``config`` is DuckDB's, ``open_lake`` gives
    a connection what it needs where the events lie outside the warehouse. The results are kept as
    JSON in ``results_dir``, for ``write_data_docs`` to show in ``docs_dir``.
    """
    context = _context(results_dir, docs_dir)
    with _opened(context, warehouse, config, open_lake, suites, extract_ids) as (source, engine):
        validations = _validate(context, source, suites, run_name)
        return {
            suite.name: _outcomes(suite, validations.get(suite.name, []), engine)
            for suite in suites
        }


def write_data_docs(
    suites: Sequence[Suite], *, run_name: str, results_dir: Path, docs_dir: Path, runs_kept: int
) -> None:
    """Write the pages of the run that judged ``suites``, and those of all suites if outdated.

    Of these suites the results and pages of the newest ``runs_kept`` runs stay. Works on files
    alone: the warehouse is not opened. Raises OSError when the disk fails.
    """
    context = _context(results_dir, docs_dir)
    _forget_old_runs(context, suites, runs_kept)
    _write_pages(context, docs_dir, run_name)
    _remove_empty_folders(results_dir, docs_dir)


def _context(results_dir: Path, docs_dir: Path) -> Any:
    """Suites are code and live in memory; results and pages are files."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    stores = {
        name: {"class_name": kind, "store_backend": {"class_name": "InMemoryStoreBackend"}}
        for name, kind in (
            ("expectations", "ExpectationsStore"),
            ("checkpoints", "CheckpointStore"),
            ("validation_definition_store", "ValidationDefinitionStore"),
        )
    }
    stores["results"] = {
        "class_name": "ValidationResultsStore",
        "store_backend": _folder(results_dir),
    }
    page = {"module_name": _VIEWS, "class_name": "OfflinePageView"}
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": _folder(docs_dir),
        "site_index_builder": {
            "module_name": _INDEX,
            "class_name": "IndexBuilder",
            "view": {"module_name": _VIEWS, "class_name": "OfflineIndexPageView"},
        },
        "site_section_builders": {
            "expectations": {"view": page},
            "validations": {"view": page},
            "profiling": "None",
        },
    }
    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            stores=stores,
            expectations_store_name="expectations",
            checkpoint_store_name="checkpoints",
            validation_results_store_name="results",
            data_docs_sites={_SITE: site},
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )


def _folder(path: Path) -> dict[str, Any]:
    path.mkdir(parents=True, exist_ok=True)
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(path)}


@contextmanager
def _opened(
    context: Any,
    warehouse: Path,
    config: dict[str, str | int],
    open_lake: Callable[[Any], None],
    suites: Sequence[Suite],
    extract_ids: Sequence[str],
) -> Iterator[tuple[Any, sa.Engine]]:
    """The warehouse as a data source, closed afterwards: DuckDB has one writer or some readers."""
    source = context.data_sources.add_sql(
        "warehouse",
        connection_string=sa.URL.create("duckdb", database=str(warehouse)).render_as_string(),
        create_temp_table=False,
        # all of them at once: each one that is added later writes the whole configuration anew
        assets=[
            {
                "type": "query",
                "name": suite.name,
                "query": suite.batch,
                "batch_definitions": [{"name": _WHOLE}],
            }
            for suite in suites
        ],
        kwargs={"connect_args": {"read_only": True, "config": config}},
    )
    engine = source.get_execution_engine().engine
    prepare = [query for suite in suites for query in suite.prepare]

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        open_lake(connection)
        cursor = connection.cursor()
        cursor.execute("set TimeZone = 'UTC'")
        cursor.execute("set enable_progress_bar = false")
        cursor.execute("create or replace temp table new_extracts (extract_id varchar)")
        if extract_ids:
            cursor.execute("insert into new_extracts select unnest(?)", [list(extract_ids)])
        for query in prepare:
            cursor.execute(query)

    # Great Expectations reads results after it has closed their connection, which DuckDB forgets.
    @sa.event.listens_for(engine, "after_cursor_execute")
    def _buffer(_conn: Any, cursor: Any, _sql: Any, _args: Any, execution: Any, _many: Any) -> None:
        execution.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor)

    engine.dispose()  # a connection that was opened before the listeners is not prepared
    try:
        yield source, engine
    finally:
        engine.dispose()
        source.get_engine().dispose()


def _validate(
    context: Any, source: Any, suites: Sequence[Suite], run_name: str
) -> dict[str, list[Any]]:
    """Great Expectations' results by suite name."""
    run = RunIdentifier(run_name=run_name, run_time=datetime.now(UTC))
    results = {}
    for suite in suites:
        # one by one: a checkpoint of all compares each with the store a second and a third time
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=suite.name,
                data=source.get_asset(suite.name).get_batch_definition(_WHOLE),
                suite=context.suites.add(_as_suite(suite)),
            )
        )
        found = definition.run(run_id=run, result_format={"result_format": "COMPLETE"})
        results[suite.name] = found.results
    return results


def _outcomes(suite: Suite, results: list[Any], engine: sa.Engine) -> tuple[Outcome, ...]:
    by_position = {result.expectation_config.meta["position"]: result for result in results}
    return tuple(
        _outcome(suite, check, by_position.get(position), engine)
        for position, check in enumerate(suite.checks)
    )


def _outcome(suite: Suite, check: Check, result: Any, engine: sa.Engine) -> Outcome:
    """A check without a result, or with an exception in it, has not passed."""
    if result is None:
        return Outcome(error="Great Expectations returned no result")
    if error := _exception(result.exception_info):
        return Outcome(error=error)
    if result.success:
        return Outcome()
    count = int(result.result["observed_value"])
    rows = tuple(result.result["details"]["unexpected_rows"])
    if suite.stage == "raw" and len(rows) < count:
        # It returns 200 rows at most, and every offending extract must be known by name.
        with engine.connect() as connection:
            found = connection.exec_driver_sql(suite.violations_query(check)).mappings()
            rows = tuple(dict(row) for row in found)
    return Outcome(count=count, rows=rows)


def _exception(info: dict[str, Any]) -> str | None:
    """The first line of an exception's message, which comes flat or by metric."""
    for one in [info] if "raised_exception" in info else info.values():
        if one["raised_exception"]:
            return str(one["exception_message"]).strip().partition("\n")[0]
    return None


def _forget_old_runs(context: Any, suites: Sequence[Suite], runs_kept: int) -> None:
    """Forget per gate: hourly runs of the raw gate must not push out the daily mart gate."""
    judged = {suite.name for suite in suites}
    runs: dict[tuple[Any, str], list[Any]] = {}
    for key in context.validation_results_store.list_keys():
        if key.expectation_suite_identifier.name in judged:
            runs.setdefault((key.run_id.run_time, key.run_id.run_name), []).append(key)
    for run in sorted(runs, reverse=True)[runs_kept:]:
        for key in runs[run]:
            context.validation_results_store.remove_key(key)


def _write_pages(context: Any, docs_dir: Path, run_name: str) -> None:
    """Write the pages of this run, and those of all suites where they are of other code.

    Earlier runs' pages stay as they are. The index drops the runs that the store has forgotten;
    assets that no page uses are not left behind.
    """
    of_suites = []
    note, made_of = docs_dir.with_name(f"{docs_dir.name}.made_of"), _hash_of_suite_pages()
    if not note.exists() or note.read_text(encoding="utf-8") != made_of:
        note.unlink(missing_ok=True)  # pages of which some are missing are made of nothing
        shutil.rmtree(docs_dir / "expectations", ignore_errors=True)
        for suite in (*raw_suites(), *mart_suites()):
            context.suites.add(_as_suite(suite))
        of_suites = context.expectations_store.list_keys()
    of_this_run = [
        key
        for key in context.validation_results_store.list_keys()
        if key.run_id.run_name == run_name
    ]
    context.build_data_docs(
        site_names=[_SITE],
        resource_identifiers=[*of_suites, *of_this_run],
    )
    shutil.rmtree(docs_dir / "static", ignore_errors=True)
    note.write_text(made_of, encoding="utf-8")


def _remove_empty_folders(*above: Path) -> None:
    """Remove the folders of forgotten runs, of which Great Expectations takes away the files."""
    for root in above:
        for folder, _, _ in os.walk(root, topdown=False):
            with suppress(OSError):  # it is not empty
                Path(folder).rmdir()


def _hash_of_suite_pages() -> str:
    """A hash of what the pages of the suites are made of: this package, and what renders them."""
    digest = hashlib.sha256(gx.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".j2"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _as_suite(suite: Suite) -> Any:
    checks = [ExpectNoViolations.of(check, i) for i, check in enumerate(suite.checks)]
    return gx.ExpectationSuite(name=suite.name, expectations=checks)
