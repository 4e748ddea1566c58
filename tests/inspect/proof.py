"""Land thousands of careless exports: ``python -m tests.inspect.proof [--exports 2000]``.

Each lands through what ``inspect`` proposes. Prints what was drawn and what became of it. Exit 1
where something landed that was not meant, a case was drawn too seldom, or too many were refused.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.inspect.careless import CASES
from tests.inspect.trying import story_of, trial

EACH_CASE = 0.005
"""The share of all exports that each case must have: 10 of 2,000."""

EQUAL = 0.8
"""The share of all exports that must land whole: to refuse them all would be easy."""


def main() -> int:
    options = _options()
    began = time.monotonic()
    drawn: Counter[str] = Counter()
    became: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, trial(Path(folder)) as tried:
        for number in range(options.seed, options.seed + options.exports):
            export = tried.draw(number)
            outcome = tried.land(export)
            if outcome.became == "wrong" or (outcome.became != "equal" and not outcome.said):
                print(story_of(export, outcome))
                return 1
            drawn.update(export.cases)
            became[outcome.became] += 1
            if (tries := became.total()) % 100 == 0:
                print(f"{tries} exports, {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(
        f"{options.exports} careless exports: {became['equal']} landed as meant, "
        f"{became['in part']} but for rows that are rejected with a reason, "
        f"{became['refused']} were refused with a reason, {became['guessed']} landed with days and "
        "months the other way round, which inspect says could be. They hold:"
    )
    for case in CASES:
        print(f"  {drawn[case]:6} {case}")
    seldom = [case for case in CASES if drawn[case] < EACH_CASE * options.exports]
    if seldom:
        print(f"Too seldom: {', '.join(seldom)}")
    return int(bool(seldom) or became["equal"] < EQUAL * options.exports)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.inspect.proof", description=__doc__)
    parser.add_argument("--exports", type=int, default=2000, help="so many")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
