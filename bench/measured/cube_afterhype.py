"""The retention cube as afterhype's models make it: user-days, first days, cube.

Usage: ``python -m bench.measured.cube_afterhype EVENTS OUT``.
"""

from __future__ import annotations

import sys

import duckdb

from bench.measured.clock import now, tell


def main() -> None:
    events, out = sys.argv[1:3]
    begun = now()
    with duckdb.connect() as con:
        con.execute("set preserve_insertion_order = false")
        con.execute(
            f"""
            create table user_days as
            select user_id, cast(event_time as date) as activity_date
            from read_parquet('{events}')
            group by all
            """
        )
        con.execute(
            """
            create table first_days as
            select user_id, min(activity_date) as cohort_date from user_days group by user_id
            """
        )
        con.execute(
            f"""
            copy (
                select cohort_date, activity_date - cohort_date as day_n, count(*) as users
                from user_days
                inner join first_days using (user_id)
                where activity_date - cohort_date <= 90
                group by all
            ) to '{out}' (format csv, header)
            """
        )
    tell(begun)


if __name__ == "__main__":
    main()
