from flows.outlook import tables


def model(dbt, session):
    dbt.config(materialized="table")
    apps = tables.histories(
        dbt.ref("int_cohort_sizes"),
        dbt.ref("int_retention_counts"),
        dbt.ref("int_bracket_counts"),
        dbt.ref("int_app_watermarks"),
        int(dbt.config.get("horizon_days")),
    )
    known = tables.outcomes(dbt.ref("int_forecast_backtest"))
    return tables.frame(tables.forecasts(apps, known), tables.FORECAST_TYPES)
