"""Land the files of a sources file into a home.

Usage: ``python -m bench.measured.land_afterhype HOME SOURCES``.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.measured.clock import now, tell
from flows.land.configuration import write_configuration
from flows.land.source import land_files
from flows.settings import load_settings
from flows.sources import load_sources
from flows.warehouse import connect, create_schemas


def main() -> None:
    begun = now()
    settings = load_settings(Path(sys.argv[1]), Path(sys.argv[2]))
    sources = load_sources(settings.sources)
    with connect(settings) as con:
        create_schemas(con)
        write_configuration(con, sources)
        at = datetime.now(UTC).replace(tzinfo=None)
        landing = land_files(con, sources.events[0], settings, at)
    tell(begun, rows=landing.rows_landed, failed=landing.failed)


if __name__ == "__main__":
    main()
