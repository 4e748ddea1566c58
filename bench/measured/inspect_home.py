"""Tell what a home holds: events, users, how it was built, bytes. Usage: ``... HOME``."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from bench.measured.clock import tell

_FACTS = {
    "events": "select count(*) from raw.app_events",
    "users": "select count(distinct user_key) from raw.app_events",
    "extracts": "select count(*) from raw.extracts where status = 'landed'",
    "not_landed": "select count(*) from raw.extracts where status <> 'landed'",
    # null where nothing was built
    "steps": """
        select list([step, seconds::varchar, cpu_seconds::varchar] order by step_number)
        from ops.run_steps
        where run_id = (select run_id from ops.run_steps order by started_at desc limit 1)
    """,
    "by_arrival": "select (select is_by_arrival from ops.builds order by started_at desc limit 1)",
}


def main() -> None:
    warehouse = Path(sys.argv[1]) / "warehouse.duckdb"
    with duckdb.connect(str(warehouse), read_only=True) as con:
        facts = {name: con.execute(query).fetchall()[0][0] for name, query in _FACTS.items()}
    tell(**facts, warehouse_bytes=warehouse.stat().st_size)


if __name__ == "__main__":
    main()
