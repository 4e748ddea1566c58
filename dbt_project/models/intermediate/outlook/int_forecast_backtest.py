from flows.outlook import tables
from flows.outlook.backtest import backtest


def model(dbt, session):
    dbt.config(materialized="table")
    apps = tables.histories(
        dbt.ref("int_cohort_sizes"),
        dbt.ref("int_retention_counts"),
        dbt.ref("int_bracket_counts"),
        dbt.ref("int_app_watermarks"),
        int(dbt.config.get("horizon_days")),
    )
    return tables.frame(backtest(apps), tables.OUTCOME_TYPES)
