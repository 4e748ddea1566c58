"""Record what dbt runs for a full build and for one by arrival: the statements, in their order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.definition import dbt_variables
from flows.land.configuration import write_configuration
from flows.sources import Sources
from flows.transform import DBT_PROJECT, PROFILES
from flows.warehouse import create_schemas
from tests.manifest import parsed_project

MARTS = (
    "fct_cohort_retention_daily",
    "fct_cohort_retention_weekly",
    "fct_cohort_retention_monthly",
    "fct_retention_curves",
    "fct_growth_accounting",
    "fct_app_activity_daily",
)
"""The marts that come of events alone, with all that they are made of."""

_BUILT = (*MARTS, "int_app_users", "int_extract_days", "int_raw_user_days")
"""What a recording builds, with all that it is made of; the last two are what pruning reads."""

LANDED_AT = datetime(2001, 2, 3, 4, 5, 6)
"""When the one arrival of a recording landed, which a build by arrival asks for."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement that dbt ran, and the model that it was for (empty: for none)."""

    model: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The statements of both kinds of build under one set of rules."""

    full: tuple[Statement, ...]
    by_arrival: tuple[Statement, ...]

    def build(self, *, by_arrival: bool) -> tuple[Statement, ...]:
        return self.by_arrival if by_arrival else self.full


class Recorder:
    """Has dbt build an all but empty warehouse in this process, parsing the project once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._manifest: Any = None

    def record(self, sources: Sources) -> Recording:
        """What dbt runs under the rules of a sources file."""
        warehouse = self.folder / "warehouse.duckdb"
        warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(warehouse)) as con:
            create_schemas(con)
            write_configuration(con, sources)
            _land_nothing(con, sources.events[0].name)
        return Recording(
            full=self._build(warehouse, sources, by_arrival=False),
            by_arrival=self._build(warehouse, sources, by_arrival=True),
        )

    def _build(
        self, warehouse: Path, sources: Sources, *, by_arrival: bool
    ) -> tuple[Statement, ...]:
        from dbt.cli.main import dbtRunner  # takes seconds

        from flows.dbt_commands import let_go_of_the_warehouse

        variables = dbt_variables(sources)
        statements: list[Statement] = []

        def note(event: Any) -> None:
            if event.info.name == "SQLQuery":
                statements.append(
                    Statement(model=event.data.node_info.node_name, sql=event.data.sql)
                )

        options = (
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES)),
            *("--target-path", str(self.folder / "target")),
            *("--log-path", str(self.folder / "logs")),
            *("--threads", "1", "--no-write-json"),
        )
        quiet = {"log_level": "none", "log_level_file": "none"}
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AFTERHYPE_WAREHOUSE", str(warehouse))
            environment.setenv("AFTERHYPE_DBT_KEEPS_OPEN", "True")
            environment.setenv("DO_NOT_TRACK", "1")
            if self._manifest is None:
                self._manifest = parsed_project(self.folder)
            built = dbtRunner(manifest=self._manifest, callbacks=[note]).invoke(
                [
                    *("run", "--select", *(f"+{model}" for model in _BUILT)),
                    *(("--exclude", "config.materialized:view") if by_arrival else ()),
                    *("--vars", json.dumps(variables | {"by_arrival": by_arrival})),
                    *options,
                ],
                **quiet,
            )
        let_go_of_the_warehouse()
        assert built.success, built.exception or [r.message for r in built.result]
        return tuple(_that_change_something(statements))


def _land_nothing(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """An extract without events, for which a build by arrival looks."""
    con.execute(
        """
        insert into raw.extracts by name
        select
            'recorded' as extract_id, $source as source, 'events' as kind, 'custom' as format,
            'recorded' as uri, 'recorded' as checksum, 0 as bytes, $at as modified_at,
            0 as rows_seen, 0 as rows_landed, 0 as rows_rejected, 0 as rows_duplicate,
            'landed' as status, $at as landed_at,
        """,
        {"source": source, "at": LANDED_AT},
    )


def _that_change_something(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Without questions to the catalogue, comments, and transactions of one statement."""
    for statement in statements:
        sql = re.sub(r"^\s*/\*.*?\*/\s*", "", statement.sql, flags=re.DOTALL).strip()
        word = sql.split(None, 1)[0].lower() if sql else ""
        if word in ("begin", "commit", "rollback", "comment", "select", "with", "describe", "set"):
            continue
        if word:
            yield Statement(model=statement.model, sql=sql)
