from flows.outlook import tables
from flows.outlook.backtest import calibrate
from flows.outlook.rules import VerdictRules
from flows.outlook.verdict import judge


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
    ranks = tables.rank_days(dbt.ref("fct_app_ranks_daily"))
    rules = VerdictRules.model_validate_json(dbt.config.get("verdict_rules"))
    verdicts = [
        judge(app, app.watermark, rules, calibrate(known, app.watermark), ranks.get(app.app_id, ()))
        for app in apps
    ]
    return tables.frame(map(tables.verdict_row, verdicts), tables.VERDICT_TYPES)
