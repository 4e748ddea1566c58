"""Tell what the gates have said of run after run, beside the marts that they let through."""

from __future__ import annotations

import duckdb

RUNS_KEPT = 1000
"""How many of the latest runs the published file tells of; ops.gate_results keeps all."""

COLUMNS = {
    "run_id": "The run whose data was judged; a later one does not sort after it, see checked_at.",
    "stage": "raw: new extracts, before the marts are built. mart: the marts, before publication.",
    "suite": "The suite of checks, by the table it is about.",
    "checked_at": "When its last check was recorded, in UTC.",
    "checks": "How many expectations were checked.",
    "passed": "How many of them held for all that was judged.",
    "warnings": "How many failed with severity warning: published all the same.",
    "critical_failures": "How many failed with severity critical: the gate stopped what failed.",
    "failed": "The expectations that failed, with what they failed for; NULL where none did.",
}
"""The columns of the table ``gate_history`` and what each says."""


def write_gate_history(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table ``gate_history`` beside the new marts of ``con``'s main schema.

    Expects the ``warehouse`` attached. One row per run, gate and suite, of the runs that published
    as of those that a gate stopped. It is no dbt model since the mart gate speaks after dbt.
    """
    con.execute(
        f"""
        create table gate_history as
        with

        expectations as (
            select
                run_id,
                stage,
                suite,
                expectation,
                max(checked_at) as checked_at,
                bool_or(not success and severity = 'critical') as is_critical,
                bool_or(not success and severity = 'warning') as is_warning,
                string_agg(distinct subject, ', ' order by subject)
                    filter (where not success) as subjects,
            from warehouse.ops.gate_results
            group by run_id, stage, suite, expectation
        ),

        suites as (
            select
                run_id,
                stage,
                suite,
                max(checked_at) as checked_at,
                count(*) as checks,
                count(*) filter (where subjects is null) as passed,
                count(*) filter (where is_warning and not is_critical) as warnings,
                count(*) filter (where is_critical) as critical_failures,
                string_agg(expectation || ' (' || subjects || ')', '; ' order by expectation)
                    as failed,
            from expectations
            group by run_id, stage, suite
        ),

        latest as (
            select run_id from suites
            group by run_id
            order by max(checked_at) desc, run_id desc
            limit {RUNS_KEPT}
        )

        select suites.* from suites
        where run_id in (from latest)
        order by checked_at, run_id, stage, suite
        """
    )
    con.execute(
        "comment on table gate_history is 'One row per run, gate and suite: how many checks passed "
        "and failed.'"
    )
    for column, comment in COLUMNS.items():
        con.execute(f"comment on column gate_history.{column} is '{comment}'")
