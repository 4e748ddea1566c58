"""A warehouse on which every check passes, to be broken by one test at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.warehouse import create_schemas

FIXTURES = Path(__file__).parent.parent / "fixtures" / "quality"

NEW_EXTRACTS = "create temp table new_extracts as select extract_id from raw.extracts"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path_factory.mktemp("good") / "warehouse.duckdb")) as con:
        create_schemas(con)
        con.execute((FIXTURES / "good_raw.sql").read_text())
        con.execute((FIXTURES / "good_marts.sql").read_text())
        con.execute(NEW_EXTRACTS)
        yield con


@pytest.fixture
def warehouse(good: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Whatever a test does to it is taken back."""
    good.begin()
    yield good
    good.rollback()


@pytest.fixture(scope="module")
def empty_warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw contract without a row, and the marts that come of it. To be read only."""
    with duckdb.connect(str(tmp_path_factory.mktemp("empty") / "empty.duckdb")) as con:
        create_schemas(con)
        con.execute((FIXTURES / "good_marts.sql").read_text())
        tables = con.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
        for (table,) in tables:
            con.execute(f"truncate marts.{table}")
        con.execute(NEW_EXTRACTS)
        yield con
