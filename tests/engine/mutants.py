"""Try the tests on SQL with mistakes: ``python -m tests.engine.mutants [--mutants 330]``.

Each mistake is built into what dbt was recorded to run, and tried on the worlds that `make test`
tries. Writes docs/mutants.md with those that nobody noticed; exit 1 where one of them is not
explained in survivors.yml, or more than one in twenty survives.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import duckdb
import yaml

from tests.engine.examples import EXAMPLES
from tests.engine.mutating import Mutant, mutants, mutated, spread
from tests.engine.rules import RULES
from tests.engine.trying import Setting, Settings, differences, draw_batch
from tests.engine.worlds import World

SEED = 0
"""Of the worlds of `make test`."""

OF = "Berlin, weeks from Sunday"
"""The rules whose statements are changed: every segment, and a zone that changes clocks."""

LEAST_KILLED = 0.95

PAGE = Path("docs/mutants.md")
EXPLAINED = Path(__file__).with_name("survivors.yml")

Fate = Literal["killed", "survived", "does not run"]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What became of a mutant. ``by`` names the rules under which it was noticed."""

    mutant: Mutant
    fate: Fate
    by: str = ""


def main() -> int:
    options = _options()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        recorded = Settings(Path(folder))
        settings = [recorded[name] for name in [OF, *(name for name in RULES if name != OF)]]
    known = mutants(settings[0].recording)
    chosen = [m for m in known if options.only in str(m)]
    tried = []
    with ProcessPoolExecutor(options.processes, initializer=_begin, initargs=(settings,)) as pool:
        for one in pool.map(_try, spread(chosen, options.mutants)):
            tried.append(one)
            if one.fate == "survived":
                print(f"survived: {one.mutant}", flush=True)
            if len(tried) % 20 == 0:
                print(f"{len(tried)} tried, {time.monotonic() - began:.0f} s", file=sys.stderr)
    explained = yaml.safe_load(EXPLAINED.read_text(encoding="utf-8")) or {}
    if not options.only:
        PAGE.write_text("\n".join(_page(tried, len(known), explained)) + "\n", encoding="utf-8")
    survivors = [one for one in tried if one.fate == "survived"]
    unexplained = [one for one in survivors if str(one.mutant) not in explained]
    killed = sum(one.fate == "killed" for one in tried)
    share = killed / max(1, killed + len(survivors))
    print(f"{share:.1%} of {killed + len(survivors)} killed; ", end="")
    print(f"{len(unexplained)} survivors are not explained")
    return int(share < LEAST_KILLED or bool(unexplained))


_settings: Sequence[Setting] = ()


def _begin(settings: Sequence[Setting]) -> None:
    global _settings
    _settings = settings


def _try(mutant: Mutant) -> Tried:
    """A few worlds first, which most mistakes do not get past; then all, under all rules."""
    for setting, worlds in _tries():
        recording = mutated(setting.recording, mutant)
        if recording is None:
            continue
        try:
            if differences(worlds, replace(setting, recording=recording)):
                return Tried(mutant=mutant, fate="killed", by=setting.name)
        except duckdb.Error:
            return Tried(mutant=mutant, fate="does not run")
    return Tried(mutant=mutant, fate="survived")


def _tries() -> Iterator[tuple[Setting, list[World]]]:
    yield _settings[0], draw_batch(_settings[0].rules, SEED)[::4]
    for setting in _settings:
        yield from ((setting, [example]) for example in EXAMPLES.get(setting.name, ()))
        yield setting, draw_batch(setting.rules, SEED)


def _page(tried: Sequence[Tried], known: int, explained: dict[str, str]) -> Iterator[str]:
    fates = Counter(one.fate for one in tried)
    runs = fates["killed"] + fates["survived"]
    yield "# Mistakes in the SQL that the tests notice"
    yield ""
    yield "Written by `make mutants`; do not edit. One thing at a time is changed in the SQL of the"
    yield "history and the counts, as somebody might by mistake, and the worlds of `make test`"
    yield "are built with it (tests/engine)."
    yield ""
    yield f"Of {known:,} such changes {len(tried)} were tried, drawn by chance."
    yield f"{fates['does not run']} are no SQL that runs. Of the {runs} others the worlds notice"
    yield f"{fates['killed']}: {fates['killed'] / max(1, runs):.1%}. The reasons of the rest"
    yield "stand below; most of it changes nothing that anybody could see."
    yield ""
    yield "| change | tried | noticed |"
    yield "| :-- | --: | --: |"
    by_kind: dict[str, Counter[Fate]] = {}
    for one in tried:
        by_kind.setdefault(one.mutant.kind, Counter())[one.fate] += 1
    for kind, counts in sorted(by_kind.items()):
        yield f"| {kind} | {counts['killed'] + counts['survived']} | {counts['killed']} |"
    yield ""
    yield "## Not noticed"
    yield ""
    for one in tried:
        if one.fate == "survived":
            yield f"- `{one.mutant}`: {explained.get(str(one.mutant), '**not explained**')}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.engine.mutants", description=__doc__)
    parser.add_argument("--mutants", type=int, default=330, help="how many are tried")
    parser.add_argument("--only", default="", help="those whose description holds this")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
