"""The retention cube as it is usually written in SQL: cohorts joined to the events, on DuckDB.

Usage: ``python -m bench.measured.cube_self_join EVENTS OUT``.
"""

from __future__ import annotations

import sys

import duckdb

from bench.measured.clock import now, tell


def main() -> None:
    events, out = sys.argv[1:3]
    begun = now()
    with duckdb.connect() as con:
        con.execute(
            f"""
            copy (
                with cohorts as (
                    select user_id, cast(min(event_time) as date) as cohort_date
                    from read_parquet('{events}')
                    group by user_id
                )
                select
                    cohorts.cohort_date,
                    cast(events.event_time as date) - cohorts.cohort_date as day_n,
                    count(distinct events.user_id) as users
                from read_parquet('{events}') as events
                inner join cohorts on events.user_id = cohorts.user_id
                where cast(events.event_time as date) - cohorts.cohort_date between 0 and 90
                group by 1, 2
            ) to '{out}' (format csv, header)
            """
        )
    tell(begun)


if __name__ == "__main__":
    main()
