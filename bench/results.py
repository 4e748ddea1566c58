"""Keep measurements as JSON lines, a group at a time, so that a broken-off bench can go on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import machine
from bench.process import Finished


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One thing that was measured, some times over.

    ``case`` is what several subjects are compared on. ``seconds`` are wall times of whole
    processes, ``net_seconds`` those without interpreter start-up and imports.
    """

    case: str
    subject: str
    seconds: list[float]
    net_seconds: list[float] = field(default_factory=list)
    rows: int | None = None
    peak_rss_bytes: int | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median_seconds(self) -> float:
        return median(self.seconds)

    @property
    def median_net_seconds(self) -> float:
        return median(self.net_seconds)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The measurements of one group, made in one go. ``load`` is the load average at its start."""

    name: str
    measured_at: datetime
    machine: dict[str, str]
    load: float
    measurements: tuple[Measurement, ...]

    def of(self, case: str) -> list[Measurement]:
        return [found for found in self.measurements if found.case == case]

    @property
    def cases(self) -> list[str]:
        return list(dict.fromkeys(found.case for found in self.measurements))


def measurement(
    case: str,
    subject: str,
    runs: list[Finished],
    *,
    rows: int | None = None,
    details: dict[str, Any] | None = None,
) -> Measurement:
    """Put the runs of one subject together."""
    return Measurement(
        case=case,
        subject=subject,
        seconds=[round(run.seconds, 4) for run in runs],
        net_seconds=[run.told["net_seconds"] for run in runs if "net_seconds" in run.told],
        rows=rows,
        peak_rss_bytes=max(run.peak_rss_bytes for run in runs),
        details=details or {},
    )


def append(path: Path, group: str, load: float, measurements: list[Measurement]) -> None:
    """Add the lines of one group in one write: a group is there as a whole or not at all."""
    shared = {
        "group": group,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": round(load, 2),
    }
    lines = [json.dumps(shared | asdict(one), sort_keys=True) + "\n" for one in measurements]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(lines))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> dict[str, Group]:
    """The latest measurements of every group, by its name."""
    if not path.exists():
        return {}
    latest: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        known = latest.setdefault(one["group"], [])
        if known and known[0]["measured_at"] != one["measured_at"]:
            known.clear()
        known.append(one)
    return {name: _group(name, lines) for name, lines in latest.items()}


def _group(name: str, lines: list[dict[str, Any]]) -> Group:
    shared = ("group", "measured_at", "machine", "load")
    return Group(
        name=name,
        measured_at=datetime.fromisoformat(lines[0]["measured_at"]),
        machine=lines[0]["machine"],
        load=lines[0]["load"],
        measurements=tuple(
            Measurement(**{key: value for key, value in line.items() if key not in shared})
            for line in lines
        ),
    )
