"""Load one file with DuckDB's bare reader: no checks, no duplicates, no keyed users, no ledger.

Usage: ``python -m bench.measured.land_duckdb FORMAT FILE DATABASE``.
"""

from __future__ import annotations

import sys

import duckdb

from bench.measured.clock import now, tell

_READERS = {"parquet": "read_parquet", "csv": "read_csv", "ndjson": "read_json"}


def main() -> None:
    kind, path, database = sys.argv[1:4]
    begun = now()
    with duckdb.connect(database) as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"create table events as select * from {_READERS[kind]}(?)", [path])
        rows = con.execute("select count(*) from events").fetchone()
    tell(begun, rows=rows[0] if rows else 0)


if __name__ == "__main__":
    main()
