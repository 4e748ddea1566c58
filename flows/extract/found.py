"""A file or an object that a listing found, and the extract that its content makes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from flows.extract.survey import Survey

Head = bytes  # a class with a field named bytes cannot say bytes

HEAD_BYTES = 64 * 1024
"""How much of an extract is kept in mind, to tell what kind of file it is."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """``uri`` is a local path or a remote URI, ``modified_at`` naive UTC, ``etag`` the store's."""

    uri: str
    bytes: int
    modified_at: datetime
    etag: str | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.uri).name

    @property
    def is_local(self) -> bool:
        return "://" not in self.uri


@dataclass(frozen=True, kw_only=True)
class Extract:
    """One extract that was found: where it lies and what its content is.

    ``location`` is what DuckDB reads, a local path or a remote URI. ``modified_at`` is naive UTC;
    ``checksum`` is the SHA-256 of the bytes, in hex. ``head`` are the first of them; ``problem`` is
    what was found wrong with them as they went by, ``survey`` counts the lines of a remote text.
    ``mapping`` is the text of the one with which it lands, see flows.mapping_text.
    """

    source: str
    kind: str
    format: str
    uri: str
    location: str
    checksum: str
    bytes: int
    modified_at: datetime
    etag: str | None = None
    head: Head = b""
    problem: str | None = None
    survey: Survey | None = None
    mapping: str | None = None

    @property
    def extract_id(self) -> str:
        """The same content of the same source has the same id, wherever its file lies."""
        return hashlib.sha256(f"{self.source}\0{self.checksum}".encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.uri).name

    @property
    def is_local(self) -> bool:
        return "://" not in self.location

    @property
    def path(self) -> Path:
        """Of a local extract."""
        return Path(self.location)


def found_file(path: Path) -> Found:
    """What the file system tells of a file. Raises OSError."""
    stat = path.stat()
    modified_at = datetime.fromtimestamp(stat.st_mtime, UTC).replace(tzinfo=None)
    return Found(uri=str(path), bytes=stat.st_size, modified_at=modified_at)
