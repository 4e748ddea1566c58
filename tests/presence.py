"""Values that may be missing and, in a test, are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from flows.extract.found import Extract, found_file
from flows.extract.places import Places
from flows.sources import AnyFiles

T = TypeVar("T")


def present(value: T | None) -> T:
    """The value. A test that has none fails here, and mypy knows that it goes on with one."""
    assert value is not None
    return value


def extracts_of(source: AnyFiles, *paths: Path) -> Sequence[Extract]:
    """Files as extracts of a source; each can be read."""
    extracts = []
    for extract in Places(source).identify([found_file(path) for path in paths]):
        assert isinstance(extract, Extract), extract
        extracts.append(extract)
    return extracts
