"""Take extracts apart into parts that DuckDB can read: zip members, text of other encodings.

How a file is packed is what its first bytes say; its name decides nothing.
"""

from __future__ import annotations

import codecs
import gzip
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from flows.errors import ExtractError
from flows.extract.found import Extract
from flows.extract.survey import Survey

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

_CHUNK = 1 << 20

PART_BITS = 40
"""A line number holds its part above these bits, so that it is unique over all parts."""

_UNREADABLE_NAME = re.compile(r"[?*\[\]%#]")
"""Signs in the name of an object by which DuckDB would not find it."""

Stream = Callable[[Extract], Iterable[bytes]]
"""Gives the bytes of a remote extract."""

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins as that of UTF-16 does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def local_only(extract: Extract) -> Iterable[bytes]:
    """The stream of a place where no extract is remote."""
    raise ExtractError(f"{extract.uri}: is not a local file")


def file_name(path: str) -> str:
    """The last part of a path or address; archives that Windows made have backslashes."""
    if path.startswith(("http://", "https://")):
        path = path.split("?")[0]
    return path.replace("\\", "/").rsplit("/", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What DuckDB reads as one file: a whole extract, or a member of one.

    ``number`` counts the parts of a landing from 0; ``location`` is a local path or a remote URI;
    ``name`` is what messages call it; ``head`` are the first bytes of a remote one; ``problem`` is
    what is known to be wrong with its bytes, ``survey`` what is known of its lines. ``scratch`` is
    a folder for copies, which goes when the landing is over.
    """

    number: int
    location: str
    name: str
    extract_id: str = ""
    member: str | None = None
    head: bytes = b""
    problem: str | None = None
    survey: Survey | None = None
    scratch: Path | None = None

    @property
    def first_line(self) -> int:
        """The line number of this part's first line."""
        return (self.number << PART_BITS) + 1

    @property
    def file_name(self) -> str:
        """The name without folders: of an archive's member its own, not the archive's."""
        return file_name(self.member or self.name)


@contextmanager
def unpacked(
    extracts: Sequence[Extract],
    scratch: Path,
    encoding: str | None,
    stream: Stream,
) -> Iterator[list[Part]]:
    """The parts of some extracts, for the length of a block.

    Zip archives are unpacked (folders and empty members left out), UTF-16 and text of the given
    ``encoding`` is rewritten as UTF-8; all else is read where it lies. What is packed otherwise
    than its name says gets a name that says so. Memory is bounded; copies lie in ``scratch``.
    ``stream`` gives the bytes of a remote extract.

    Raises ExtractError naming the extract when it is empty or damaged.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="parts-") as folder:
        found: list[tuple[Extract, str, str | None]] = []
        for number, extract in enumerate(extracts):
            if extract.bytes == 0:
                raise ExtractError(f"{extract.uri}: the file is empty. Has the export finished?")
            aside = Path(folder) / str(number)
            found += [(extract, *part) for part in _parts(extract, aside, encoding, stream)]
        yield [
            Part(
                number=number,
                location=location,
                name=f"{extract.uri}!{member}" if member else extract.uri,
                extract_id=extract.extract_id,
                member=member,
                head=b"" if extract.is_local or member else extract.head,
                problem=extract.problem,
                survey=None if extract.is_local or member else extract.survey,
                scratch=Path(folder),
            )
            for number, (extract, location, member) in enumerate(found)
        ]


def _parts(
    extract: Extract,
    aside: Path,
    encoding: str | None,
    stream: Stream,
) -> Iterator[tuple[str, str | None]]:
    suffix = PurePosixPath(extract.uri.split("?")[0]).suffix.lower()
    needs_copy = (
        encoding is not None
        or extract.head.startswith(b"PK\x03\x04")
        or encoding_of(_text_head(extract.head)) is not None
        or _UNREADABLE_NAME.search(extract.location.partition("://")[2]) is not None
        or (extract.survey is not None and extract.survey.is_mixed)
        or _packing(extract.head) != _packing_by_name(PurePosixPath(extract.uri.split("?")[0]))
    )
    if not extract.is_local and not needs_copy:
        yield extract.location, None
        return
    path = Path(extract.location)
    if not extract.is_local:
        aside.mkdir()
        path = aside / f"whole{suffix}"
        with path.open("wb") as copy:
            copy.writelines(stream(extract))
    if zipfile.is_zipfile(path):
        yield from _members(extract, path, aside, encoding)
    elif suffix == ".zip" and not _packing_of(path):
        raise ExtractError(f"{extract.uri}: not a whole zip file. Fetch the export again.")
    else:
        yield _in_utf8(extract.uri, path, aside / "utf8", encoding), None


def _members(
    extract: Extract, archive: Path, aside: Path, encoding: str | None
) -> Iterator[tuple[str, str | None]]:
    aside.mkdir(exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            wanted = [info for info in zipped.infolist() if _holds_rows(info)]
            for number, info in enumerate(sorted(wanted, key=lambda info: info.filename)):
                # a name of our own: one in an archive may lead out of the folder
                suffixes = "".join(PurePosixPath(info.filename).suffixes[-2:])
                path = aside / f"{number}{suffixes if suffixes.isascii() else ''}"
                with zipped.open(info) as member, path.open("wb") as copy:
                    shutil.copyfileobj(member, copy, _CHUNK)
                name = f"{extract.uri}!{info.filename}"
                yield _in_utf8(name, path, aside / f"{number}.utf8", encoding), info.filename
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ExtractError(
            f"{extract.uri}: damaged zip: {error}. Fetch the export again."
        ) from None
    except RuntimeError as error:  # what zipfile raises for a member with a password
        raise ExtractError(f"{extract.uri}: {error}. Unpack it, or export without one.") from None
    if not wanted:
        raise ExtractError(f"{extract.uri}: the zip holds no data. Has the export finished?")


def _holds_rows(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename).parts
    hidden = any(
        part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts
    )
    return not info.is_dir() and info.file_size > 0 and not hidden


def _in_utf8(name: str, path: Path, aside: Path, encoding: str | None) -> str:
    """The path, or that of a copy in UTF-8 where the text is in another encoding."""
    with open_unpacked(path) as file:
        try:
            head = file.read(1024)
        except (OSError, EOFError, zlib.error):
            head = b""  # the reader says what is wrong with it
    told = encoding or encoding_of(head)
    if told is None or _packing_of(path) == ".zst":
        return _named_as_packed(path, aside)
    aside.mkdir(parents=True, exist_ok=True)
    copy = aside / _plain_name(path.name)
    decoder = codecs.getincrementaldecoder(told)()
    try:
        with open_unpacked(path) as file, copy.open("w", encoding="utf-8", newline="") as text:
            while chunk := file.read(_CHUNK):
                text.write(decoder.decode(chunk))
            text.write(decoder.decode(b"", final=True))
    except UnicodeError as error:
        raise ExtractError(
            f"{name}: is not {told} throughout: {error}. Correct reader.encoding (of a "
            "vendor's format: encoding) in the sources file, or fetch the export again."
        ) from None
    except (EOFError, zlib.error) as error:
        raise ExtractError(f"{name}: the gzip file is cut off: {error}. Fetch it again.") from None
    return str(copy)


def _text_head(head: bytes) -> bytes:
    """The first bytes of the text in a file, which may be a gzip."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, 1024)
    except zlib.error:
        return b""


def encoding_of(head: bytes) -> str | None:
    """The encoding that the first bytes tell, if it is another than UTF-8."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    # text in which every second byte is zero
    if len(head) >= 8 and not any(head[1:64:2]) and all(head[0:64:2]):
        return "utf-16-le"
    if len(head) >= 8 and not any(head[0:64:2]) and all(head[1:64:2]):
        return "utf-16-be"
    return None


def open_unpacked(path: Path) -> BinaryIO:
    """The bytes of a local file; of a gzip, those of what is packed in it."""
    if _packing_of(path) == ".gz":
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")


def _packing_of(path: Path) -> str:
    with path.open("rb") as file:
        return _packing(file.read(4))


def _packing(head: bytes) -> str:
    """The suffix that a file with these first bytes should have: .gz, .zst or none."""
    return ".gz" if head.startswith(GZIP) else ".zst" if head.startswith(ZSTD) else ""


def _packing_by_name(path: PurePosixPath) -> str:
    """What DuckDB takes a file for, which goes by the name."""
    suffix = path.suffix  # not in capitals: DuckDB would read .GZ as text
    return suffix if suffix in (".gz", ".zst") else ""


def _plain_name(name: str) -> str:
    """A file's name without what says how it is packed."""
    path = PurePosixPath(name)
    return path.stem if _packing_by_name(path) else name


def _named_as_packed(path: Path, aside: Path) -> str:
    """The path, or a link to it whose name says how it is packed."""
    packing = _packing_of(path)
    if packing == _packing_by_name(PurePosixPath(path.name)):
        return str(path)
    aside.mkdir(parents=True, exist_ok=True)
    link = aside / f"{_plain_name(path.name)}{packing}"
    link.symlink_to(path.resolve())
    return str(link)
