"""Checks of the machine: versions, DuckDB's extensions, the file system, the disk, the clock."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import sys
import tempfile
import time
import zoneinfo
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from flows.doctor.finding import Finding, ok, problem, warning
from flows.errors import ConfigurationError
from flows.extensions import load_extension

EXTENSIONS = ("httpfs", "azure", "postgres_scanner")
"""What runs load from wheels: to read buckets, and to write to PostgreSQL."""

CLOCK_TOLERANCE = timedelta(minutes=1)

REINSTALL = "Run `make install`, or pip install --require-hashes -r requirements.lock"


def python_version(required: str, running: str | None = None) -> Finding:
    """Whether the Python that runs this is one that the project supports."""
    running = running or ".".join(map(str, sys.version_info[:3]))
    if running in SpecifierSet(required):
        return ok("python", f"Python {running}")
    return problem(
        "python",
        f"Python {running}; afterhype needs {required}",
        "Make the environment anew: rm -r .venv; make install PYTHON=python3.12",
    )


def packages(requirements: Iterable[str]) -> list[Finding]:
    """A finding for each package that is missing or not what the project pins; one if all fit."""
    findings = []
    known = [Requirement(requirement) for requirement in requirements]
    needed = [one for one in known if one.marker is None or one.marker.evaluate({"extra": ""})]
    for requirement in needed:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            findings.append(problem("packages", f"{requirement.name} is missing", REINSTALL))
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            findings.append(
                problem(
                    "packages",
                    f"{requirement.name} is {version}; afterhype needs {requirement.specifier}",
                    REINSTALL,
                )
            )
    return findings or [ok("packages", f"{len(needed)} packages are of the versions pinned")]


def extension(name: str) -> Finding:
    """Whether an extension of DuckDB loads from its wheel."""
    check = f"extension {name}"
    try:
        with duckdb.connect() as con:
            load_extension(con, name)
    except ConfigurationError as error:
        found, _, mend = str(error).partition("Run: ")
        return problem(check, found.strip(), f"Run: {mend}")
    return ok(check, f"loads for DuckDB {duckdb.__version__}")


def file_system(home: Path) -> list[Finding]:
    """Whether the home can be written, and its file system renames, links and locks files."""
    folder = home
    while not folder.exists():
        folder = folder.parent
    try:
        aside = Path(tempfile.mkdtemp(prefix=".doctor-", dir=folder))
    except OSError as error:
        return [
            problem(
                "home",
                f"{folder} cannot be written: {error.strerror}",
                "Give this user the folder (chown, mount read-write), or choose another --home",
            )
        ]
    try:
        return [*_file_operations(aside), ok("home", f"{home} can be written")]
    finally:
        shutil.rmtree(aside)


def _file_operations(aside: Path) -> list[Finding]:
    findings = []
    first, second = aside / "first", aside / "second"
    first.write_bytes(b"x")
    try:
        os.link(first, second)
    except OSError as error:
        findings.append(
            warning(
                "home",
                f"no hard links here ({error.strerror}): each publication is copied once more",
                "Nothing has to be done; a local disk saves the time and space",
            )
        )
        second.write_bytes(b"x")
    try:
        first.replace(second)
    except OSError as error:
        findings.append(
            problem(
                "home",
                f"a file cannot be renamed over another ({error.strerror})",
                "Put the home on a file system with atomic renames: a local disk",
            )
        )
    if not _locks_hold(aside / "lock"):
        findings.append(
            problem(
                "home",
                "locks do not hold here: two runs could write at once",
                "Put the home on a local disk, or mount the network share with locking",
            )
        )
    return findings


def _locks_hold(path: Path) -> bool:
    with path.open("w") as one, path.open("w") as other:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def disk_space(home: Path) -> Finding:
    """Whether a compaction, which writes the warehouse anew, and a publication still fit."""
    if not home.exists():
        return ok("disk", f"{home} is not there yet")
    warehouse = _size(home / "warehouse.duckdb")
    needed = warehouse + _size(home / "published" / "marts.duckdb")
    free = shutil.disk_usage(home).free
    said = f"{_gigabytes(free)} free; the next compaction and publication need {_gigabytes(needed)}"
    mend = (
        "Free space beside the home, keep fewer publications (AFTERHYPE_GENERATIONS_KEPT), or set "
        "raw_retention_days and run `afterhype compact` while it still fits"
    )
    if free < needed:
        return problem("disk", said, mend)
    if free < 2 * needed:
        return warning("disk", said, mend)
    return ok("disk", said)


def clock(now: datetime, newest: datetime | None) -> Finding:
    """Whether the clock lies behind what has been written already; both are naive UTC."""
    if newest and now < newest - CLOCK_TOLERANCE:
        return problem(
            "clock",
            f"it is {now:%Y-%m-%d %H:%M} UTC here, but something landed at {newest:%Y-%m-%d %H:%M}",
            "Set the clock (timedatectl set-ntp true); until then, events seem to lie ahead",
        )
    return ok("clock", f"{now:%Y-%m-%d %H:%M} UTC, not behind what has landed")


def file_clock(home: Path) -> Finding:
    """Whether the file system's clock, another machine's on a network share, agrees with ours."""
    if not home.exists() or not os.access(home, os.W_OK):
        return ok("clock of the files", f"{home} cannot be written yet")
    with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-") as file:
        apart = Path(file.name).stat().st_mtime - time.time()
    if abs(apart) > CLOCK_TOLERANCE.total_seconds():
        return warning(
            "clock of the files",
            f"files are dated {apart:+.0f} s from this machine's clock",
            "Let both machines keep time with the same server (NTP)",
        )
    return ok("clock of the files", "agrees with this machine's")


def time_zone(name: str) -> Finding:
    """Whether Python and DuckDB both know the zone in which days are cut."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return problem("time zone", f"{name} is unknown to Python", "Run: pip install tzdata")
    with duckdb.connect() as con:
        try:
            con.execute(
                "select timestamptz '2026-01-01 00:00:00+00' at time zone $zone", {"zone": name}
            )
        except duckdb.Error as error:
            return problem("time zone", f"{name}: {error}", REINSTALL)
    return ok("time zone", name)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
