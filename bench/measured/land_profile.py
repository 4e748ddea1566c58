"""Land the files of a sources file into a home, and tell how long each step took.

Usage: ``python -m bench.measured.land_profile HOME SOURCES``.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from bench.measured.clock import now, tell
from flows.land.configuration import write_configuration
from flows.land.source import land_files
from flows.settings import load_settings
from flows.sources import load_sources
from flows.warehouse import connect, create_schemas

STEPS = {
    "temp table extract_": "read the file",
    "temp table judged": "map, type and judge the rows (Parquet: and read the file)",
    "temp table users": "key the users",
    "count(distinct event_id)": "look for duplicates in the file",
    "temp table repeats": "look for them in history",
    "insert into raw.app_events": "write the events",
}
"""What a statement is recognised by, and the step it belongs to."""


class Timed:
    """A connection that adds up the seconds of its statements, step by step."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.seconds: dict[str, float] = defaultdict(float)

    def execute(self, query: str, *parameters: Any) -> duckdb.DuckDBPyConnection:
        begun = time.perf_counter()
        done = self.con.execute(query, *parameters)
        step = next((s for text, s in STEPS.items() if text in query), "everything else")
        self.seconds[step] += time.perf_counter() - begun
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.con, name)


def main() -> None:
    begun = now()
    settings = load_settings(Path(sys.argv[1]), Path(sys.argv[2]))
    sources = load_sources(settings.sources)
    with connect(settings) as con:
        create_schemas(con)
        write_configuration(con, sources)
        timed: Any = Timed(con)
        at = datetime.now(UTC).replace(tzinfo=None)
        landing = land_files(timed, sources.events[0], settings, at)
    steps = {step: round(seconds, 3) for step, seconds in timed.seconds.items()}
    tell(begun, rows=landing.rows_landed, failed=landing.failed, steps=steps)


if __name__ == "__main__":
    main()
