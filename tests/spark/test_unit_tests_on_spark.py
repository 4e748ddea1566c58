"""dbt's own unit tests on Spark: every model's rules, from the same files as on DuckDB."""

from __future__ import annotations

import pytest

from flows.dbt_process import run_dbt
from flows.spark.handing_over import hand_over
from flows.transform import Dbt
from flows.warehouse import connect
from tests.spark.conftest import SparkHome

pytestmark = pytest.mark.timeout(3600)


def test_unit_tests_pass(spark_home: SparkHome) -> None:
    """After test_demo_on_spark.py: the tables whose columns the fixtures have are there."""
    run = spark_home.begin()
    with connect(run.settings) as con:
        handed = hand_over(con, run.settings, "unit-tests")
    # fixtures say when a day completes: in a zone whose clocks stay
    zone = {"timezone": "UTC"}
    dbt = Dbt(settings=run.settings, sources=run.sources.model_copy(update=zone), spark=handed)
    selection = ("--select", "test_type:unit", "--exclude", "tag:composes_texts")
    outcome = run_dbt(dbt.request("test", *selection))
    assert outcome.error is None
    assert [f"{node.name}: {node.message}" for node in outcome.nodes if node.failed] == []
    assert len(outcome.nodes) > 50
