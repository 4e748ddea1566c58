"""Run benchmarks, a group at a time, and write the page. `python -m bench --help` says how."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time

from bench import results
from bench.place import Place, place_of_environment
from bench.process import BenchError
from bench.registry import GROUPS, chosen


def main() -> None:
    """Measure what has not been measured, then write the page from all there is."""
    options = _parser().parse_args()
    place = place_of_environment(options.small)
    try:
        names = chosen(options.only, options.skip)
    except ValueError as error:
        sys.exit(str(error))
    measured = results.read(place.results)
    for name in [] if options.render else names:
        if name in measured and not options.again:
            _say(f"{name}: measured {measured[name].measured_at:%Y-%m-%d %H:%M} UTC, kept")
            continue
        try:
            _measure(place, name, keep=options.keep)
        except BenchError as error:
            sys.exit(f"{name}: {error}")
    groups = results.read(place.results)
    if outlook := groups.pop("outlook", None):
        from bench.page.outlook import write_outlook_page

        _say(f"wrote {os.path.relpath(write_outlook_page(place, outlook))}")
    if run_time := groups.pop("run-time", None):
        from bench.page.run_time import write_run_time_page

        _say(f"wrote {os.path.relpath(write_run_time_page(place, run_time))}")
    if groups:
        from bench.page.markdown import write_page  # imports Altair, whose memory would count

        _say(f"wrote {os.path.relpath(write_page(place, groups))}")


def _measure(place: Place, name: str, *, keep: bool) -> None:
    _say(f"{name}: measuring at scale {place.scale:g} ...")
    scratch = place.scratch(name)
    scratch.mkdir(parents=True, exist_ok=True)
    load, begun = os.getloadavg()[0], time.monotonic()
    found = GROUPS[name](place, scratch)
    results.append(place.results, name, load, found)
    for one in found:
        _say(f"  {one.case}: {one.subject}: {one.median_seconds:.2f} s")
    _say(f"{name}: done in {time.monotonic() - begun:.0f} s, preparation included")
    if not keep:
        shutil.rmtree(scratch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure landing, building, one more day and asking. Results are kept in "
        ".bench/ group by group: what is there already is not measured again.",
        epilog=f"Groups: {', '.join(GROUPS)}. Environment: BENCH_SCALE, BENCH_HOME, BENCH_PYTHON.",
    )
    for option, what in {"--only": "measure only", "--skip": "leave out"}.items():
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar="GROUP",
            help=f"{what} groups whose names begin so; may be repeated",
        )
    parser.add_argument("--small", action="store_true", help="a hundredth of everything")
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    parser.add_argument("--keep", action="store_true", help="leave data and homes in .bench/")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the page")
    return parser


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    main()
