"""What exports do in the wild: one very large file, very many small ones, and damaged ones."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from bench.home import environment, write_sources
from bench.place import Place, ours
from bench.process import BenchError, run
from bench.results import Measurement, measurement

LARGE_BYTES = 5_000_000_000
"""Of the gzip, not of what is in it."""

LARGE_MEMORY = "1GB"
"""What DuckDB may use; the process has somewhat more."""

SMALL_FILES = 10_000
SMALL_ROWS = 20

FUZZ_INPUTS = 10_000


def large_file(place: Place, scratch: Path) -> list[Measurement]:
    """Land one gzip of NDJSON that is far larger than the memory it may have."""
    write_sources(scratch, "ndjson")
    data = scratch / "data" / "large.ndjson.gz"
    wanted = place.scaled(LARGE_BYTES)
    generated = run(
        [ours(), "-m", "bench.measured.generate_large", str(data), str(wanted)],
        environment(scratch),
        scratch / "generate.log",
    )
    finished = run(
        [
            ours(),
            "-m",
            "bench.measured.land_afterhype",
            str(scratch / "home"),
            str(scratch / "sources.yml"),
        ],
        environment(scratch, AFTERHYPE_MEMORY_LIMIT=LARGE_MEMORY),
        scratch / "land.log",
    )
    rows = generated.told["rows"]
    if finished.told["rows"] != rows:
        raise BenchError(f"large file: {finished.told} of {rows} rows")
    details = {
        "file_bytes": data.stat().st_size,
        "text_bytes": generated.told["text_bytes"],
        "memory_limit": LARGE_MEMORY,
    }
    return [measurement("one large file", "afterhype", [finished], rows=rows, details=details)]


def many_files(place: Place, scratch: Path) -> list[Measurement]:
    """Land thousands of small files, then list them again with nothing new."""
    write_sources(scratch, "ndjson")
    folder = scratch / "data"
    folder.mkdir(parents=True, exist_ok=True)
    files = place.scaled(SMALL_FILES)
    for number in range(files):
        rows = "".join(
            f'{{"user_id": "u{(number * SMALL_ROWS + row) % 5000}", "event_name": "open", '
            f'"event_time": "2026-01-{1 + number % 28:02} 10:{row:02}:00", '
            f'"event_id": "{number}-{row}", "platform": "ios", "country": "DE", "channel": "ads", '
            f'"app_version": "1"}}\n'
            for row in range(SMALL_ROWS)
        )
        (folder / f"{number:05}.ndjson.gz").write_bytes(gzip.compress(rows.encode(), 1))
    command = [
        ours(),
        "-m",
        "bench.measured.land_afterhype",
        str(scratch / "home"),
        str(scratch / "sources.yml"),
    ]
    shutil.rmtree(scratch / "home", ignore_errors=True)
    first = run(command, environment(scratch), scratch / "land.log")
    if first.told["rows"] != files * SMALL_ROWS:
        raise BenchError(f"many files: {first.told} of {files * SMALL_ROWS} rows")
    again = run(command, environment(scratch), scratch / "again.log")
    if again.told["rows"]:
        raise BenchError(f"many files: {again.told['rows']} rows landed twice")
    case = f"{files:,} files"
    return [
        measurement(case, "all new", [first], rows=files * SMALL_ROWS),
        measurement(case, "none new", [again], rows=0),
    ]


def fuzz(place: Place, scratch: Path) -> list[Measurement]:
    """Land damaged files; it fails where one crashes, or the ledger misses a line."""
    inputs = place.scaled(FUZZ_INPUTS)
    finished = run(
        [ours(), "-m", "bench.measured.fuzz", str(scratch / "fuzz"), str(inputs)],
        environment(scratch),
        scratch / "fuzz.log",
    )
    return [
        measurement(
            f"{inputs:,} damaged files",
            "afterhype",
            [finished],
            rows=inputs,
            details={"became": finished.told["became"]},
        )
    ]
