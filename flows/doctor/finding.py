"""What a check found, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """``found`` says what is so; ``mend`` what to do, empty where nothing has to be done."""

    check: str
    level: Level
    found: str
    mend: str = ""


def ok(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, mend: str) -> Finding:
    """Runs go on, but somebody should know."""
    return Finding(check, "warning", found, mend)


def problem(check: str, found: str, mend: str) -> Finding:
    """Runs fail, or will."""
    return Finding(check, "problem", found, mend)
