"""The retention cube with ClickHouse's array functions, in chdb.

Usage: ``python -m bench.measured.cube_clickhouse EVENTS OUT``.
"""

from __future__ import annotations

import sys

import chdb

from bench.measured.clock import now, tell


def main() -> None:
    events, out = sys.argv[1:3]
    begun = now()
    chdb.query(
        f"""
        insert into function file('{out}', CSVWithNames)
        select cohort_date, day - cohort_date as day_n, count() as users
        from (
            select
                groupUniqArray(toDate(event_time)) as days,
                arrayMin(days) as cohort_date
            from file('{events}', Parquet)
            group by user_id
        )
        array join days as day
        where day_n <= 90
        group by cohort_date, day_n
        settings session_timezone = 'UTC', schema_inference_make_columns_nullable = 0
        """
    )
    tell(begun)


if __name__ == "__main__":
    main()
