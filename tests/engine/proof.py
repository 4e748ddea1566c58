"""Try thousands of random worlds: ``python -m tests.engine.proof [--worlds 5000] [--seed 0]``.

Prints what was drawn. Exit 1 where a build by arrival, a full one and the oracle do not agree; the
world is made small first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.engine.rules import RULES
from tests.engine.trying import Settings, differences, draw_batch, story_of_the_first
from tests.engine.worlds import CASES, interesting


def main() -> int:
    options = _options()
    began = time.monotonic()
    drawn: Counter[str] = Counter()
    worlds_tried = 0
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        seed = options.seed
        while worlds_tried < options.worlds:
            for name, rules in RULES.items():
                worlds = draw_batch(rules, seed)
                drawn.update(interesting(worlds, rules))
                if found := differences(worlds, settings[name]):
                    print(story_of_the_first(found, worlds, settings[name]))
                    return 1
                worlds_tried += len(worlds)
                seconds = time.monotonic() - began
                print(f"{worlds_tried} worlds, {seconds:.0f} s: {seed}, {name}", file=sys.stderr)
            seed += 1
    print(f"{worlds_tried} worlds: by arrival, full and oracle agree in all of them. They hold:")
    for case in CASES:
        print(f"  {drawn[case]:6} {case}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.engine.proof", description=__doc__)
    parser.add_argument("--worlds", type=int, default=5000, help="at least so many")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch of worlds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
