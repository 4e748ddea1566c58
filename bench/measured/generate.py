"""Write event files of a population; not measured, but in its own process for its memory's sake.

Usage: ``python -m bench.measured.generate JSON`` with the population, the memory limit and the
files: (first day, last day exclusive, format, path). Files that are there already are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

from bench.population import Population

_COPY = {
    "parquet": "format parquet, compression zstd",
    "csv": "format csv, header, compression gzip",
    "ndjson": "format json, compression gzip",
}


def main() -> None:
    request = json.loads(sys.argv[1])
    population = Population(**request["population"])
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set memory_limit = '4GB'")
        con.execute("set temp_directory = ?", [request["temp"]])
        con.execute(f"create table slots as {population.slots}")
        for first_day, last_day, kind, name in request["files"]:
            path = Path(name)
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            rows = population.rows(first_day, last_day)
            con.execute(f"copy ({rows}) to '{part}' ({_COPY[kind]})")
            part.rename(path)


if __name__ == "__main__":
    main()
