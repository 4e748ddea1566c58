"""Ask a published file what a dashboard asks; times in ms, with all rows fetched.

Usage: ``python -m bench.measured.dashboard MARTS [QUERY]``. With the name of one query only that
one is asked, once, and the time includes opening the file: a cold connection.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import duckdb

from bench.measured.clock import tell

REPEATS = 10

QUERIES = {
    "curve": """
        select period_n, retention_rate, ci_low, ci_high
        from marts.fct_retention_curves
        where app_id = 'bench' and definition = 'classic' and period = 'day' and is_complete
        order by period_n
    """,
    "triangle": """
        select cohort_date, day_n, sum(retained_users) / sum(eligible_users) as retention_rate
        from marts.fct_cohort_retention_daily
        where app_id = 'bench' and is_complete
        group by cohort_date, day_n
        order by cohort_date, day_n
    """,
    "segment filter": """
        select day_n, sum(retained_users) / sum(eligible_users) as retention_rate
        from marts.fct_cohort_retention_daily
        where app_id = 'bench' and is_complete and platform = 'ios' and country = 'US'
        group by day_n
        order by day_n
    """,
}


def main() -> None:
    marts = sys.argv[1]
    if len(sys.argv) > 2:
        begun = time.perf_counter()
        with duckdb.connect(marts, read_only=True) as con:
            rows = con.execute(QUERIES[sys.argv[2]]).fetchall()
            tell(milliseconds=(time.perf_counter() - begun) * 1000, rows=len(rows))
        return
    with duckdb.connect(marts, read_only=True) as con:
        tell(queries={name: _ask(con, query) for name, query in QUERIES.items()})


def _ask(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, object]:
    milliseconds = []
    rows = 0
    for _ in range(REPEATS):
        begun = time.perf_counter()
        rows = len(con.execute(query).fetchall())
        milliseconds.append((time.perf_counter() - begun) * 1000)
    return {"rows": rows, "median": median(milliseconds), "all": milliseconds}


if __name__ == "__main__":
    main()
