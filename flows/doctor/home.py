"""Checks of the home: who holds it, its user key, what a killed run has left behind."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
from datetime import datetime
from pathlib import Path

import duckdb

from flows.doctor.finding import Finding, ok, problem, warning
from flows.errors import AfterhypeError
from flows.land import relanding
from flows.land.keys import fingerprint_of
from flows.settings import Settings
from flows.sources import Sources
from flows.warehouse import connect, lock_holder

# struct flock of fcntl(2), with the padding of the platform; the pid is what is asked for
_FLOCK, _PID = ("qqihh", 2) if sys.platform == "darwin" else ("hhqqi", 4)


def writer_lock(settings: Settings) -> Finding:
    """Who is the writer of this home, if anybody is."""
    if holder := lock_holder(settings):
        return warning(
            "writer",
            f"{holder} is writing to {settings.home}; other runs wait for it",
            f"Wait for it; if it hangs, end it ({_kill(holder)}): what it has landed is kept",
        )
    return ok("writer", "nobody is writing")


def warehouse_lock(settings: Settings) -> Finding:
    """Which process, other than the writer, has the warehouse open."""
    path = settings.warehouse_path
    if not path.exists():
        return ok("warehouse", f"{path} is not there yet: the first run makes it")
    pid = _lock_holder(path)
    if pid is None:
        return ok("warehouse", "no other process has it open")
    if (holder := lock_holder(settings)) and re.search(rf"\b{pid}\b", holder):
        return ok("warehouse", f"process {pid}, the writer, has it open")
    return problem(
        "warehouse",
        f"process {pid} has {path} open: no run can write",
        f"Close it there, or end it: kill {pid}. Readers belong on {settings.marts_path}",
    )


def user_key(settings: Settings) -> Finding:
    """Whether the key is there, readable by its owner only, and the one the warehouse knows."""
    path = settings.key_path
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    if settings.user_key is None and mode & 0o077:
        return problem(
            "user key", f"{path}: others may read it (mode {mode:o})", f"chmod 600 {path}"
        )
    try:
        known = _known_fingerprint(settings)
    except AfterhypeError as error:
        return warning(
            "user key",
            f"cannot be compared with the warehouse's: {error}",
            "Ask again once the warehouse is free",
        )
    if settings.user_key is not None:
        return _compared(settings.user_key.get_secret_value(), known, "AFTERHYPE_USER_KEY")
    if path.exists():
        key = path.read_text(encoding="ascii", errors="replace").strip()
        return _compared(key, known, str(path))
    if known is None:
        return ok("user key", f"{path} is made by the first run")
    return problem(
        "user key",
        f"{path} is missing, and the warehouse was begun with one",
        f"Restore {path.name} from its backup (mode 600), or give it as AFTERHYPE_USER_KEY",
    )


def newest_landing(settings: Settings) -> datetime | None:
    """When the last extract landed, naive UTC. None: nothing has, or the warehouse is held."""
    if not settings.warehouse_path.exists():
        return None
    try:
        with connect(settings, read_only=True) as con:
            if not _has_table(con, "extracts"):
                return None
            row = con.execute("select max(landed_at) from raw.extracts").fetchone()
    except AfterhypeError:
        return None
    newest: datetime | None = row[0] if row else None
    return newest


def other_mappings(settings: Settings, sources: Sources) -> list[Finding]:
    """A finding for each source whose extracts landed with another mapping than it has now."""
    check = "mappings"
    if not settings.warehouse_path.exists():
        return [ok(check, "nothing has landed yet")]
    try:
        with connect(settings, read_only=True) as con:
            found = relanding.other_mappings(con, sources.all)
    except AfterhypeError as error:
        return [warning(check, f"cannot be compared: {error}", "Ask again once it is free")]
    return [
        warning(
            check,
            f"{other.source}: {other.extracts} of its extracts landed with another mapping than "
            "it has now",
            f"{other.command}, then `afterhype run`",
        )
        for other in found
    ] or [ok(check, "no extract is known to have landed with another one than its source has now")]


def leftovers(settings: Settings) -> list[Finding]:
    """What killed runs have left in the home. While somebody writes, nothing is a leftover."""
    if lock_holder(settings):
        return [ok("leftovers", "not looked for while somebody is writing")]
    published = settings.published_dir
    unfinished = [
        *(published / "generations").glob("*.partial"),
        *published.glob(".*.new"),
        *settings.home.glob("warehouse.compacting.duckdb*"),
    ]
    findings = [
        warning(
            "leftovers",
            f"{path} is of a run that was killed",
            f"The next one removes it; to have the space now: rm -r {path}",
        )
        for path in sorted(unfinished)
    ]
    if spilled := [path for path in (settings.home / "tmp").rglob("*") if path.is_file()]:
        findings.append(
            warning(
                "leftovers",
                f"{len(spilled)} files that DuckDB spilled lie in {settings.home / 'tmp'}",
                f"rm -r {settings.home / 'tmp'}",
            )
        )
    if _broken_off_build(settings):
        findings.append(
            warning(
                "leftovers",
                "the last build was begun and not finished",
                "Nothing has to be done: the next run makes everything anew, which takes longer",
            )
        )
    return findings or [ok("leftovers", "none")]


def _compared(key: str, known: str | None, where: str) -> Finding:
    if not key:
        return problem("user key", f"{where}: is empty", "Restore the key from its backup")
    if known is not None and fingerprint_of(key) != known:
        return problem(
            "user key",
            f"{where}: is not the key that this warehouse was begun with",
            "Restore the one it was begun with: another one would turn every user into two",
        )
    return ok("user key", "readable by its owner only, and the one the warehouse knows")


def _known_fingerprint(settings: Settings) -> str | None:
    if not settings.warehouse_path.exists():
        return None
    with connect(settings, read_only=True) as con:
        if not _has_table(con, "user_key"):
            return None
        row = con.execute("select fingerprint from ops.user_key").fetchone()
    return str(row[0]) if row else None


def _broken_off_build(settings: Settings) -> bool:
    if not settings.warehouse_path.exists():
        return False
    try:
        with connect(settings, read_only=True) as con:
            if not _has_table(con, "builds"):
                return False
            row = con.execute(
                "select finished_at is null from ops.builds order by started_at desc limit 1"
            ).fetchone()
    except AfterhypeError:
        return False
    return bool(row and row[0])


def _has_table(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    row = con.execute(
        "select 1 from duckdb_tables() where table_name = ? and schema_name in ('raw', 'ops')",
        [name],
    ).fetchone()
    return row is not None


def _lock_holder(path: Path) -> int | None:
    """The process whose lock keeps DuckDB from writing here.

    Not for a process that has the file open itself: closing it once gives up all locks on it.
    """
    empty = [0] * 5
    empty[_FLOCK.index("h")] = fcntl.F_WRLCK
    with path.open("rb+" if os.access(path, os.W_OK) else "rb") as file:
        answer = struct.unpack(
            _FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, *empty))
        )
    is_free = answer[_FLOCK.index("h")] == fcntl.F_UNLCK
    return None if is_free else int(answer[_PID])


def _kill(holder: str) -> str:
    found = re.search(r"process (\d+)", holder)
    return f"kill {found[1]}" if found else "kill its process"
