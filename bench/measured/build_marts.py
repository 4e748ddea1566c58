"""The second half of a full build: every mart, with its data tests.

Usage: ``python -m bench.measured.build_marts HOME SOURCES``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.measured.clock import now, tell
from flows import stages


def main() -> None:
    begun = now()
    built = stages.build(stages.begin(Path(sys.argv[1]), Path(sys.argv[2])))
    tell(begun, by_arrival=built.by_arrival)


if __name__ == "__main__":
    main()
