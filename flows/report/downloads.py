"""Lays the published files beside the pages, so that a site hosted alone has what it links to."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Download:
    """One file that can be fetched: its address in the site, and its size in bytes."""

    name: str
    address: str
    size: int


def lay_out(marts: Path, site: Path) -> list[Download]:
    """The marts file and the Parquet files that lie beside it, as hard links under `downloads/`.

    A hard link takes no space; where the file system has none, the file is copied. What an earlier
    call laid out is replaced.
    """
    folder = site / "downloads"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = [marts, *sorted((marts.parent / "parquet").glob("*.parquet"))]
    return [_lay(path, folder) for path in files]


def _lay(path: Path, folder: Path) -> Download:
    target = folder / path.name
    try:
        os.link(path, target)
    except OSError:
        shutil.copy(path, target)
    return Download(path.name, f"{folder.name}/{path.name}", path.stat().st_size)
