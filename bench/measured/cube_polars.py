"""The retention cube in polars. Usage: ``python -m bench.measured.cube_polars EVENTS OUT``."""

from __future__ import annotations

import sys

import polars as pl

from bench.measured.clock import now, tell


def main() -> None:
    events, out = sys.argv[1:3]
    begun = now()
    user_days = (
        pl.scan_parquet(events)
        .select("user_id", activity_date=pl.col("event_time").dt.date())
        .unique()
    )
    first_days = user_days.group_by("user_id").agg(cohort_date=pl.col("activity_date").min())
    cube = (
        user_days.join(first_days, on="user_id")
        .with_columns(day_n=(pl.col("activity_date") - pl.col("cohort_date")).dt.total_days())
        .filter(pl.col("day_n") <= 90)
        .group_by("cohort_date", "day_n")
        .agg(users=pl.len())
    )
    cube.collect(engine="streaming").write_csv(out)
    tell(begun)


if __name__ == "__main__":
    main()
