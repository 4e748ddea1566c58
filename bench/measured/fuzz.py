"""Land damaged files, one after another, and hold the ledger against each.

Usage: ``python -m bench.measured.fuzz FOLDER INPUTS``.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from bench.fuzzing import Fuzz
from bench.measured.clock import now, tell


def main() -> None:
    begun = now()
    with Fuzz(Path(sys.argv[1])) as fuzz:
        became = Counter(fuzz.land(seed) for seed in range(int(sys.argv[2])))
    tell(begun, became=dict(became))


if __name__ == "__main__":
    main()
