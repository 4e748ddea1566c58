"""A warehouse on which every check passes, to be broken by one test at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.warehouse import create_schemas

FIXTURES = Path(__file__).parent.parent / "fixtures" / "quality"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        create_schemas(con)
        con.execute((FIXTURES / "good_raw.sql").read_text())
        con.execute((FIXTURES / "good_marts.sql").read_text())
        con.execute("create temp table new_extracts as select extract_id from raw.extracts")
        yield con


@pytest.fixture
def empty_warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw contract without a row, and the marts that come of it."""
    with duckdb.connect(str(tmp_path / "empty.duckdb")) as con:
        create_schemas(con)
        con.execute((FIXTURES / "good_marts.sql").read_text())
        tables = con.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
        for (table,) in tables:
            con.execute(f"truncate marts.{table}")
        con.execute("create temp table new_extracts as select extract_id from raw.extracts")
        yield con
