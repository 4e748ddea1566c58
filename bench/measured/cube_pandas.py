"""The retention cube in pandas. Usage: ``python -m bench.measured.cube_pandas EVENTS OUT``."""

from __future__ import annotations

import sys
from glob import glob

import pandas as pd

from bench.measured.clock import now, tell


def main() -> None:
    events, out = sys.argv[1:3]
    begun = now()
    files = sorted(glob(events))  # noqa: PTH207 - the pattern is absolute
    frame = pd.concat(
        [pd.read_parquet(file, columns=["user_id", "event_time"]) for file in files],
        ignore_index=True,
    )
    frame["activity_date"] = frame.pop("event_time").dt.normalize()
    user_days = frame.drop_duplicates()
    cohort_date = user_days.groupby("user_id")["activity_date"].transform("min")
    cube = (
        user_days.assign(
            cohort_date=cohort_date, day_n=(user_days["activity_date"] - cohort_date).dt.days
        )
        .query("day_n <= 90")
        .groupby(["cohort_date", "day_n"], as_index=False)
        .size()
        .rename(columns={"size": "users"})
    )
    cube.to_csv(out, index=False, date_format="%Y-%m-%d")
    tell(begun)


if __name__ == "__main__":
    main()
