"""The retention cube with ClickHouse's function retention(), in chdb.

It takes 32 conditions at most, the first of which is the cohort's, so days 0 to 90 need three of
them, and each user's first day beforehand.
Usage: ``python -m bench.measured.cube_clickhouse_retention EVENTS OUT``.
"""

from __future__ import annotations

import sys

import chdb

from bench.measured.clock import now, tell

HORIZON = 90
CONDITIONS = 32


def _retained() -> str:
    """SQL of an array with one flag per day n from 0 to the horizon."""
    step = CONDITIONS - 1
    calls = []
    for first_n in range(1, HORIZON + 1, step):
        days = range(first_n, min(first_n + step, HORIZON + 1))
        conditions = ", ".join(f"day_n = {n}" for n in days)
        calls.append(f"arrayPopFront(retention(day_n = 0, {conditions}))")
    return f"arrayConcat([1], {', '.join(calls)})"


def main() -> None:
    events, out = sys.argv[1:3]
    begun = now()
    chdb.query(
        f"""
        insert into function file('{out}', CSVWithNames)
        select cohort_date, position - 1 as day_n, users
        from (
            select cohort_date, sumForEach(retained) as counts
            from (
                select user_id, cohort_date, {_retained()} as retained
                from (
                    select user_id, cohort_date, toDate(event_time) - cohort_date as day_n
                    from file('{events}', Parquet) as events
                    inner join (
                        select user_id, toDate(min(event_time)) as cohort_date
                        from file('{events}', Parquet)
                        group by user_id
                    ) as first_days using (user_id)
                )
                group by user_id, cohort_date
            )
            group by cohort_date
        )
        array join counts as users, arrayEnumerate(counts) as position
        where users > 0
        settings session_timezone = 'UTC', schema_inference_make_columns_nullable = 0
        """
    )
    tell(begun)


if __name__ == "__main__":
    main()
