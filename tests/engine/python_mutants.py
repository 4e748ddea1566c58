"""Try the tests on Python with mistakes: ``python -m tests.engine.python_mutants``.

mutmut makes them, in the files that pyproject.toml names, and runs the tests that reach each.
Writes docs/python-mutants.md with those that nobody noticed; exit 1 where one of them is not
explained in python_survivors.yml, or more than one in twenty survives.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tests.engine.mutants import LEAST_KILLED

PAGE = Path("docs/python-mutants.md")
EXPLAINED = Path(__file__).with_name("python_survivors.yml")


def main() -> int:
    subprocess.run([sys.executable, "-m", "mutmut", "run"], check=False)
    fates = _fates()
    survivors = {name: _change(name) for name, fate in fates.items() if fate != "killed"}
    explained: Mapping[str, str] = yaml.safe_load(EXPLAINED.read_text(encoding="utf-8"))
    PAGE.write_text("\n".join(_page(fates, survivors, explained)) + "\n", encoding="utf-8")
    unexplained = [change for change in survivors.values() if change not in explained]
    for change in unexplained:
        print(f"survived: {change}")
    share = 1 - len(survivors) / max(1, len(fates))
    print(f"{share:.1%} of {len(fates)} killed; {len(unexplained)} survivors are not explained")
    return int(share < LEAST_KILLED or bool(unexplained))


def _fates() -> dict[str, str]:
    """Each mutant, and whether it was killed, survived, timed out, or no test reaches it."""
    listed = re.findall(r"^ +(\S+__mutmut_\d+): (.+)$", _mutmut("results", "--all", "true"), re.M)
    return {name: "killed" if fate == "timeout" else fate for name, fate in listed}


def _change(name: str) -> str:
    """What a mutant changes, and in which function."""
    place = re.sub(r"^flows\.(.*)\.x(?:ǁ|_)(.*)__mutmut_\d+$", r"\1.\2", name).replace("ǁ", ".")
    lines = _mutmut("show", name).splitlines()
    before = " ".join(line[1:].strip() for line in lines if re.match(r"-(?!-- )", line))
    after = " ".join(line[1:].strip() for line in lines if re.match(r"\+(?!\+\+ )", line))
    return f"{place}: {before} -> {after}"


def _mutmut(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *command], capture_output=True, text=True, check=True
    )
    return done.stdout


def _page(
    fates: Mapping[str, str], survivors: Mapping[str, str], explained: Mapping[str, str]
) -> Iterator[str]:
    yield "# Mistakes in the Python that the tests notice"
    yield ""
    yield "Written by `make mutants`; do not edit. mutmut changes one thing at a time in the files"
    yield "that pyproject.toml names, and the tests that reach it are run."
    yield ""
    yield f"Of {len(fates)} such changes the tests notice {len(fates) - len(survivors)}:"
    yield f"{1 - len(survivors) / max(1, len(fates)):.1%}."
    yield ""
    yield "| file | tried | noticed |"
    yield "| :-- | --: | --: |"
    tried = Counter(_file(name) for name in fates)
    for file, count in sorted(tried.items()):
        yield f"| {file} | {count} | {count - sum(_file(name) == file for name in survivors)} |"
    yield ""
    yield "## Not noticed"
    yield ""
    for change in survivors.values():
        yield f"- `{change}`: {explained.get(change, '**not explained**')}"


def _file(name: str) -> str:
    return re.sub(r"\.x[ǁ_].*", "", name).replace(".", "/") + ".py"


if __name__ == "__main__":
    sys.exit(main())
