"""Fit each tracked app's decay in each chart; what the columns mean is in the YAML beside this."""

from itertools import groupby
from typing import Any

import pandas as pd

from flows.outlook.rank_decay import RankDay, rank_decay

CHART_APP = ("store", "storefront", "chart", "genre", "store_app_id")
SLOPES = ("decay_per_day", "decay_ci_low", "decay_ci_high")
DECIMALS = 6


def model(dbt: Any, session: Any) -> pd.DataFrame:
    dbt.config(materialized="table")
    observed = dbt.ref("int_decay_observations").order(", ".join((*CHART_APP, "days_after_peak")))
    rows = []
    for chart_app, days in groupby(observed.fetchall(), key=lambda row: row[: len(CHART_APP)]):
        decay = rank_decay(
            [RankDay(days_after_peak=n, rank=rank, worse_than=depth) for *_, n, rank, depth in days]
        )
        if decay:
            slopes = (decay.per_day, decay.ci_low, decay.ci_high)
            rows.append((*chart_app, *(round(slope, DECIMALS) for slope in slopes), decay.days))
    types = {
        **dict.fromkeys(CHART_APP, "string"),
        **dict.fromkeys(SLOPES, "float64"),
        "decay_days": "int32",
    }
    return pd.DataFrame(rows, columns=list(types)).astype(types)
