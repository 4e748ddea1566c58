"""Load one file with dlt's filesystem source, by the fastest reader it has for the format.

Usage: ``python -m bench.measured.land_dlt FORMAT FILE DATABASE``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dlt
import duckdb
from dlt.sources.filesystem import readers

from bench.measured.clock import now, tell

BATCH = 50_000
"""Rows that a reader hands over at once; dlt's own defaults, 1,000 to 5,000, are no faster."""


def main() -> None:
    kind, name, database = sys.argv[1:4]
    path = Path(name)
    begun = now()
    source = readers(bucket_url=path.parent.as_uri(), file_glob=path.name)
    resource = {
        "ndjson": lambda: source.read_jsonl(chunksize=BATCH),
        "csv": lambda: source.read_csv_duckdb(chunk_size=BATCH, use_pyarrow=True),
        "parquet": lambda: source.read_parquet(chunksize=BATCH, use_pyarrow=True),
    }[kind]()
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=f"{database}.dlt",
        destination=dlt.destinations.duckdb(database),
        dataset_name="raw",
    )
    pipeline.run(resource.with_name("events"), write_disposition="append")
    with duckdb.connect(database, read_only=True) as con:
        rows = con.execute("select count(*) from raw.events").fetchone()
    tell(begun, rows=rows[0] if rows else 0)


if __name__ == "__main__":
    main()
