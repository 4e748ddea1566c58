"""Tell from a file's first bytes how a vendor's format is to be read."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from flows.extract.found import HEAD_BYTES
from flows.extract.unpack import GZIP, Part, open_unpacked
from flows.formats.vendor_format import FileType, VendorFormat
from flows.sources import Reader

DELIMITERS = ("\t", ",", ";", "|")
"""Those that tables in text have."""


def reader_of(form: VendorFormat, part: Part) -> Reader:
    """How a file of a vendor's format is read."""
    kind = _type_of(form, part)
    if kind == "csv":
        delimiter = _delimiter_of(form, part)
        return Reader(
            type="csv",
            delimiter=delimiter,
            quote=form.quote if delimiter == form.delimiter else '"',
            header=form.header,
            names=form.names,
        )
    return Reader(type=kind, records=form.records if kind == "json" else None)


def _delimiter_of(form: VendorFormat, part: Part) -> str:
    """The vendor's, unless the header has another: a table passes through many hands."""
    header = head_of(part).split(b"\n", 1)[0].decode("utf-8", "replace")
    if not form.header or form.delimiter in header:
        return form.delimiter
    found = max(DELIMITERS, key=header.count)
    return found if found in header else form.delimiter


def _type_of(form: VendorFormat, part: Part) -> FileType:
    if "parquet" in form.types and (
        part.location.endswith(".parquet") or head_of(part).startswith(b"PAR1")
    ):
        return "parquet"
    texts = [kind for kind in form.types if kind != "parquet"]
    if "json" in texts and "ndjson" in texts:
        return "json" if is_one_document(head_of(part)) else "ndjson"
    return texts[0]


def head_of(part: Part) -> bytes:
    """The first bytes of a file's text, unpacked if it is a gzip."""
    try:
        if part.head:
            packed = part.head.startswith(GZIP)
            return zlib.decompressobj(31).decompress(part.head) if packed else part.head
        with open_unpacked(Path(part.location)) as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def is_one_document(head: bytes) -> bool:
    """Whether JSON text is a document over many lines rather than one object per line."""
    lines = [line for line in head.decode("utf-8-sig", "ignore").splitlines() if line.strip()][:5]
    # one bad line at the top of many good ones makes no document of them
    if sum(map(_is_object, lines)) >= 2:
        return False
    return bool(lines) and (lines[0].lstrip().startswith("[") or lines[0].strip() == "{")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
