"""Ask the published file: the reading side of a publication, never locked."""

from __future__ import annotations

from typing import Any

import duckdb

from flows.errors import AfterhypeError
from flows.settings import Settings


def query(
    settings: Settings, sql: str, limit: int | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of one SQL query on the published marts, ``limit`` rows at most.

    ``app_scorecard`` and ``marts.app_scorecard`` both name the mart. Raises AfterhypeError when
    nothing is published, or with DuckDB's message for a query that fails.
    """
    if not settings.marts_path.exists():
        raise AfterhypeError(
            f"{settings.marts_path}: nothing is published yet. Run `afterhype run` "
            "(or `afterhype demo`) first, or point --home at another home."
        )
    try:
        with duckdb.connect(str(settings.marts_path), read_only=True) as con:
            con.execute("set TimeZone = 'UTC'")
            if not con.extract_statements(sql):
                raise AfterhypeError("the query is empty; try: select * from app_scorecard")
            # a relation, for the rows of `execute` are streamed: one of its threads can report that
            # it was interrupted in place of the error of another that stopped them all
            answer = con.sql(sql)
            if answer is None:  # a statement without a result, such as `set`
                return [], []  # type: ignore[unreachable]  # duckdb's stubs know of results only
            if limit is not None:
                answer = answer.limit(limit)
            return answer.columns, answer.fetchall()
    except duckdb.Error as error:
        raise AfterhypeError(f"the query failed: {error}") from error
