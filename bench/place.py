"""Where the benchmarks work, at which scale, and under which interpreters."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SMALL = 0.01


@dataclass(frozen=True, kw_only=True)
class Place:
    """``scale`` multiplies every number of rows and users (1: as published)."""

    scale: float

    @property
    def folder(self) -> Path:
        """Holds the results and the scratch of one scale, so that trials spoil no results."""
        work = Path(os.environ.get("BENCH_HOME", ROOT / ".bench")).absolute()
        return work / f"scale-{self.scale:g}"

    @property
    def results(self) -> Path:
        return self.folder / "results.jsonl"

    @property
    def page(self) -> Path:
        """Only whole measurements go into docs/."""
        return (ROOT / "docs" if self.scale == 1 else self.folder) / "benchmarks.md"

    def scratch(self, group: str) -> Path:
        return self.folder / "scratch" / group

    def scaled(self, number: int) -> int:
        """A number of rows or users at this scale, at least one."""
        return max(1, round(number * self.scale))


def place_of_environment(small: bool) -> Place:
    """``--small``, else BENCH_SCALE, else whole."""
    return Place(scale=SMALL if small else float(os.environ.get("BENCH_SCALE", "1")))


def ours() -> str:
    """The interpreter that has afterhype."""
    return sys.executable


def theirs() -> str:
    """The interpreter that has the other tools (BENCH_PYTHON, else .venv-bench)."""
    return os.environ.get("BENCH_PYTHON", str(ROOT / ".venv-bench" / "bin" / "python"))
