"""Measure building on Spark beside DuckDB, and write docs/spark-benchmarks.md.

``python -m bench.spark --help`` says how. Every volume on every engine is a group of its own, kept
when it is done: what is there is not measured again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time

from bench import results
from bench.groups.spark import ENGINES, VOLUMES, measure
from bench.page.spark import differing_volumes, write_spark_page
from bench.place import place_of_environment
from bench.process import BenchError
from bench.standalone_cluster import ClusterError, missing


def main() -> None:
    """Measure what has not been measured, the small volumes first, then write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.spark", description=__doc__)
    parser.add_argument("--volume", action="append", choices=VOLUMES, help="only this one")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one")
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the page")
    options = parser.parse_args()
    if lacks := missing():
        sys.exit(lacks)
    # a time-out ends a bench by SIGTERM: the cluster has to end with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    place = place_of_environment(small=False)
    kept = place.folder / "spark-results.jsonl"
    for volume in [] if options.render else options.volume or VOLUMES:
        scratch = place.scratch(f"spark-{volume}")
        scratch.mkdir(parents=True, exist_ok=True)
        for name in options.engine or ENGINES:
            group = f"{volume}/{name}"
            if group in results.read(kept) and not options.again:
                _say(f"{group}: measured before, kept")
                continue
            _say(f"{group}: measuring at scale {place.scale:g} ...")
            load, begun = os.getloadavg()[0], time.monotonic()
            try:
                found = measure(place, scratch, VOLUMES[volume], ENGINES[name])
            except (BenchError, ClusterError) as error:
                sys.exit(f"{group}: {error}")
            results.append(kept, group, load, found)
            _say(
                f"{group}: {found[0].median_seconds:.1f} s ({time.monotonic() - begun:.0f} in all)"
            )
        shutil.rmtree(scratch)
    groups = results.read(kept)
    if groups:
        _say(f"wrote {os.path.relpath(write_spark_page(place, groups))}")
    if differing := differing_volumes(groups):
        sys.exit(f"the marts differ between engines at {', '.join(differing)}")


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    main()
