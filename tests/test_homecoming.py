"""A mart comes home from Spark's files as its contract says, whatever the files say."""

from __future__ import annotations

import duckdb
import pytest

from flows.spark.homecoming import _bring_mart

MODEL = {
    "alias": "fct_cohort_retention_daily",
    "columns": {
        name: {"name": name, "data_type": kind}
        for name, kind in {"app_id": "string", "cohort_date": "date", "new": "bigint"}.items()
    },
}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("select 7::integer as new, date '2026-01-02' as cohort_date, 'a' as app_id", 1),
        (None, 0),  # partitioned, and without a row: there is no file
    ],
)
def test_a_mart_has_the_columns_of_its_contract_in_order(rows: str | None, found: int) -> None:
    with duckdb.connect() as con:
        con.execute("create schema marts")
        _bring_mart(con, MODEL, rows)
        described = con.execute("describe marts.fct_cohort_retention_daily").fetchall()
        assert [row[:2] for row in described] == [
            ("app_id", "VARCHAR"),
            ("cohort_date", "DATE"),
            ("new", "BIGINT"),
        ]
        assert len(con.execute("from marts.fct_cohort_retention_daily").fetchall()) == found
