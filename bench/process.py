"""Run one measured process: how long it took, how much memory it had, what it said of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.place import ROOT


class BenchError(RuntimeError):
    """A measured process failed, or measured something else than it should."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One process that ended well.

    ``seconds`` is wall time from fork to exit, ``cpu_seconds`` what it and the children it waited
    for had of the processors; ``peak_rss_bytes`` the peak of the largest single
    process among it and the children it waited for; ``told`` the JSON object of its last line.
    """

    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    told: dict[str, Any]
    output: str


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Finished:
    """Run a command from the project root. Raises BenchError with its output when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as out:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env=dict(environment)
        )
        # not process.wait(): wait4 also tells what the process used
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        said = "\n".join(output.splitlines()[-30:])
        raise BenchError(f"{' '.join(command)}: exit code {process.returncode}\n{said}")
    return Finished(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_rss_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        told=_last_object(output),
        output=output,
    )


def _last_object(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
