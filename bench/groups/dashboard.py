"""What a dashboard asks of a published file: warm in one connection, and cold."""

from __future__ import annotations

from pathlib import Path

from bench.home import base_home, environment, facts, write_months, write_sources
from bench.measured.dashboard import QUERIES
from bench.place import Place, ours
from bench.population import Population
from bench.process import run
from bench.results import Measurement, measurement

USERS = 1_000_000

DAYS = 400

EVENTS_PER_USER_DAY = 2

REPEATS = 5
"""Cold processes per query."""


def measure(place: Place, scratch: Path) -> list[Measurement]:
    """Publish an app with a million users who began on 400 days, and ask."""
    population = Population.of_newcomers(place.scaled(USERS) // DAYS, EVENTS_PER_USER_DAY)
    write_months(scratch, population, DAYS, scratch / "data")
    write_sources(scratch)
    base_home(scratch, scratch)
    held = facts(scratch, scratch / "home")
    marts = scratch / "home" / "published" / "marts.duckdb"
    ask = [ours(), "-m", "bench.measured.dashboard", str(marts)]
    warm = run(ask, environment(scratch), scratch / "warm.log")
    found = []
    for query in QUERIES:
        cold = [
            run([*ask, query], environment(scratch), scratch / "cold.log") for _ in range(REPEATS)
        ]
        details = {
            "warm_milliseconds": warm.told["queries"][query]["median"],
            "cold_milliseconds": [one.told["milliseconds"] for one in cold],
            "rows": warm.told["queries"][query]["rows"],
            "users": held["users"],
            "events": held["events"],
            "marts_bytes": marts.stat().st_size,
        }
        found.append(measurement("dashboard", query, cold, details=details))
    return found
