"""Do something to a lake and die at a step of it, as from a power cut: a process for the tests."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb

from flows.lake.location import Lake
from flows.lake.upkeep import settle, sweep
from flows.land import ledger
from flows.settings import Settings
from flows.warehouse import connect
from tests.lake.conftest import Home

CHANGES = {"execute", "commit", "fsync", "put", "delete"}
"""What changes the warehouse's file or the lake's, by the names of the functions called."""


def settings_of(folder: Path) -> Settings:
    """The settings of a home that ``begin`` has begun."""
    return Settings(home=folder / "home", user_key="the same for both")


def opened(folder: Path, con: duckdb.DuckDBPyConnection) -> Home:
    """A home that ``begin`` has begun."""
    return Home(settings_of(folder), con, folder / "lake")


def do(deed: str, home: Home, path: Path) -> None:
    """What is done to a home; all of it may have been done before."""
    extract_id = next(
        (
            extract_id
            for extract_id, uri, status in home.con.execute(
                "select extract_id, uri, status from raw.extracts"
            ).fetchall()
            if uri == str(path) and status == "landed"
        ),
        None,
    )
    if deed == "land" and extract_id is None:
        home.land(path)
    elif deed == "quarantine" and extract_id:
        ledger.quarantine(home.con, extract_id, "test")
    elif deed == "leave":
        settle(home.con, None)
    elif deed == "begin":
        settle(home.con, Lake(str(home.lake)))
    sweep(home.con)


def die(deed: str, folder: Path, path: Path, nth: int) -> None:
    """Do it, but die just before the nth change that the lake's code makes."""
    settings = Settings(home=folder / "home")
    left = nth

    def count(frame: FrameType, event: str, called: Any) -> None:
        nonlocal left
        if event != "c_call" or getattr(called, "__name__", "") not in CHANGES:
            return
        if called.__name__ == "commit" or "/flows/lake/" in frame.f_code.co_filename:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    with connect(settings) as con:
        home = opened(folder, con)
        sys.setprofile(count)
        do(deed, home, path)
        sys.setprofile(None)
