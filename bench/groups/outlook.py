"""Whether forecasts and verdicts are right, on simulated apps whose curves are known."""

from __future__ import annotations

from pathlib import Path

from bench.home import environment
from bench.place import Place, ours
from bench.process import run
from bench.results import Measurement, measurement

APPS = 240

SEED = 2026
"""Not one of the seeds on which the constants of flows/outlook were set (1 and 77)."""


def measure(place: Place, scratch: Path) -> list[Measurement]:
    """Draw the apps, forecast and judge them at several ages."""
    apps = max(6, place.scaled(APPS))
    command = [ours(), "-m", "bench.measured.outlook", str(apps), str(SEED)]
    done = run(command, environment(scratch), scratch / "outlook.log")
    return [measurement(f"{apps} simulated apps", "outlook", [done], rows=apps, details=done.told)]
