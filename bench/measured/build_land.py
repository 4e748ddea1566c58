"""The first half of a full build: begin, prepare, land every event source.

Usage: ``python -m bench.measured.build_land HOME SOURCES``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.measured.clock import now, tell
from flows import stages


def main() -> None:
    begun = now()
    run = stages.begin(Path(sys.argv[1]), Path(sys.argv[2]))
    stages.prepare(run)
    landings = [
        stages.land_source(run, source, lambda _done, _total: None) for source in run.sources.events
    ]
    tell(
        begun,
        rows=sum(landing.rows_landed for landing in landings),
        failed=[message for landing in landings for message in landing.failed],
    )


if __name__ == "__main__":
    main()
