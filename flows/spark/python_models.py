"""Run dbt's models in Python in dbt's own process, on what Spark has built.

They fit curves to counts: a machine's work, which no cluster has to do, and their code asks DuckDB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
from dbt.adapters.base import PythonJobHelper
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.spark.impl import SparkAdapter
from dbt_common.exceptions import DbtRuntimeError

from flows.lake.handover import Lake
from flows.spark.tables import built_rows, python_answer
from flows.sql import text_in_sql


class _InDbtsProcess(PythonJobHelper):  # type: ignore[misc]
    """Runs one model; its answer becomes a file, of which the materialization makes the table."""

    def __init__(self, parsed_model: dict[str, Any], _credential: Any) -> None:
        self._model = str(parsed_model["alias"])

    def submit(self, compiled_code: str) -> AdapterResponse:
        rows = run_model(self._model, compiled_code)
        return AdapterResponse(_message=f"OK {rows} rows", rows_affected=rows)


def let_the_adapter_run_them(lake: Lake, prefix: str) -> None:
    """Tell dbt-spark of it, which by itself would hand the code to Databricks.

    ``prefix`` is what the schemas of Spark's catalog begin with.
    """
    global _where
    _where = _Where(lake=lake, prefix=prefix)
    SparkAdapter.python_submission_helpers = {"in_dbts_process": _InDbtsProcess}
    SparkAdapter.default_python_submission_method = "in_dbts_process"
    SparkAdapter.generate_python_submission_response = lambda _self, response: response


@dataclass(frozen=True, kw_only=True)
class _Where:
    lake: Lake
    prefix: str


_where: _Where


def run_model(model: str, compiled_code: str) -> int:
    """Run a model's compiled code and write its answer into the lake; return its rows."""
    with duckdb.connect() as con:
        _where.lake.let_duckdb_read(con)

        def relation(name: str) -> duckdb.DuckDBPyRelation:
            schema, table = name.replace("`", "").split(".")[-2:]
            rows = built_rows(con, _where.lake, schema.removeprefix(_where.prefix), table)
            if rows is None:
                raise DbtRuntimeError(f"{name} has no row yet: no events have landed")
            return con.sql(rows)

        namespace: dict[str, Any] = {"__name__": model}
        exec(compile(compiled_code, f"{model}.py", "exec"), namespace)
        answer = namespace["model"](namespace["dbtObj"](relation), con)
        target = python_answer(_where.lake, model)
        _where.lake.store().make_folder("python_models")
        con.register("answer", answer)
        con.execute(f"copy (from answer) to {text_in_sql(target)} (format parquet)")
        return len(answer)
