"""dbt's own unit tests on Spark: every model's rules, from the same files as on DuckDB."""

from __future__ import annotations

import pytest

from flows.dbt_process import run_dbt
from flows.definition import dbt_variables
from flows.spark.handing_over import hand_over
from flows.spark.target import environment
from flows.transform import dbt_arguments
from flows.warehouse import connect
from tests.spark.conftest import SparkHome

pytestmark = pytest.mark.timeout(3600)


def test_unit_tests_pass(spark_home: SparkHome) -> None:
    """After test_demo_on_spark.py: the tables whose columns the fixtures have are there."""
    run = spark_home.begin()
    with connect(run.settings) as con:
        handed = hand_over(con, run.settings, "unit-tests")
    # fixtures say when a day completes: in a zone whose clocks stay
    zone = {"reporting_timezone": "UTC"}
    variables = dbt_variables(run.sources) | zone | {"by_arrival": False}
    selection = ("--select", "test_type:unit", "--exclude", "tag:composes_texts")
    outcome = run_dbt(
        ["test", *selection, *dbt_arguments(run.settings, variables, handed)],
        environment(run.settings, handed),
    )
    assert outcome.error is None
    assert [f"{failure.name}: {failure.message}" for failure in outcome.failures] == []
    assert outcome.nodes > 50
