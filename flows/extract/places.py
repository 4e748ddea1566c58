"""Find the extracts of a source wherever they lie, and read each once for what it is."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flows.errors import AfterhypeError, ExtractError
from flows.extract.files import filled, list_files
from flows.extract.found import HEAD_BYTES, Extract, Found
from flows.extract.survey import Survey
from flows.extract.unpack import GZIP, ZSTD
from flows.mapping_text import mapping_text
from flows.settings import Settings
from flows.sources import FileSource

if TYPE_CHECKING:
    from flows.extract.buckets import Remote

_CHUNK = 1 << 20

_AT_ONCE = 8
"""Objects read at the same time for their checksums."""


class Places:
    """The remote places of one source, each opened once."""

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self._mapping = mapping_text(source)
        self._remotes: dict[str, Remote] = {}

    def find(self, settings: Settings) -> list[Found]:
        """The source's extracts, in the order of their URIs; hidden files are left out.

        Raises ExtractError naming the source and the pattern that matches nothing.
        """
        found: dict[str, Found] = {}
        for uri in self._source.uris:
            if "://" in uri:
                matches = self._remote(uri).find(filled(uri))
                if not matches:
                    raise ExtractError(f"{self._source.name}: no object matches {uri}")
            else:
                matches = list_files(self._source.name, uri, settings.sources, settings.home)
            found |= {one.uri: one for one in matches}
        return [found[uri] for uri in sorted(found)]

    def identify(self, found: Sequence[Found]) -> Iterator[Extract | tuple[Found, Exception]]:
        """Read each once, in order: what it is, or why it cannot be read."""
        if all(one.is_local for one in found):
            yield from map(self._identified, found)
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(self._identified, found)

    def stream(self, extract: Extract) -> Iterable[bytes]:
        """The bytes of a remote extract. Raises ExtractError."""
        return self._remote(extract.uri).stream(extract.uri)

    def let_duckdb_read(self, con: duckdb.DuckDBPyConnection) -> None:
        """Give a connection what it needs to read the places by itself."""
        for remote in self._remotes.values():
            remote.let_duckdb_read(con)

    def scrubbed(self, error: Exception) -> str:
        """What an error says, without secrets."""
        told = str(error)
        for remote in self._remotes.values():
            told = remote.without_secrets(told)
        return told

    def _remote(self, uri: str) -> Remote:
        root = "/".join(uri.split("/")[:3]) + "/"
        if root not in self._remotes:
            from flows.extract.buckets import open_remote  # most sources are local

            self._remotes[root] = open_remote(uri, self._source.storage)
        return self._remotes[root]

    def _identified(self, found: Found) -> Extract | tuple[Found, Exception]:
        try:
            return self._read(found)
        except (AfterhypeError, OSError) as error:
            return found, error

    def _read(self, found: Found) -> Extract:
        remote = None if found.is_local else self._remote(found.uri)
        chunks = remote.stream(found.uri) if remote else _chunks(Path(found.uri))
        digest = hashlib.sha256()
        whole: _Gzip | None = None
        survey: Survey | None = None
        head = b""
        size = 0
        for chunk in chunks:
            if remote and not head:
                whole = _Gzip() if chunk.startswith(GZIP) else None
                survey = Survey() if not chunk.startswith((ZSTD, b"PAR1", b"PK")) else None
            digest.update(chunk)
            size += len(chunk)
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            text = whole.feed(chunk) if whole else chunk
            if survey:
                survey.feed(text)
        return Extract(
            source=self._source.name,
            kind=self._source.kind,
            format=self._source.format,
            uri=found.uri,
            location=remote.location(found.uri) if remote else found.uri,
            checksum=digest.hexdigest(),
            bytes=size if remote else found.bytes,
            modified_at=found.modified_at,
            etag=found.etag,
            head=head,
            problem=whole.problem() if whole else None,
            survey=survey,
            mapping=self._mapping,
        )


class _Gzip:
    """Whether gzip bytes that go by are whole."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._error: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; what is packed in them."""
        text = b""
        try:
            while chunk and self._error is None:
                text += self._member.decompress(chunk)
                chunk = self._member.unused_data
                if self._member.eof and chunk:
                    self._member = zlib.decompressobj(31)
        except zlib.error as error:
            self._error = f"not a whole gzip file: {error}"
        return text

    def problem(self) -> str | None:
        return self._error or (None if self._member.eof else "the gzip file is cut off")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
