"""Guess in which encoding a text is that is not UTF-8."""

from __future__ import annotations

import codecs
import zlib
from pathlib import Path

from flows.extract.unpack import Part, open_unpacked

_LOOKED_AT = 8 * 1024 * 1024
_CHUNK = 1 << 16
_GUESSES = ("cp1252", "latin-1")
"""Encodings of one byte per letter: nearly any text could be in them, so that it is a guess."""


def guess_encoding(part: Part) -> str | None:
    """An encoding in which all of a text's beginning (8 MB) reads, if that is not UTF-8.

    None as well where most of what is beyond ASCII is UTF-8: then a few letters are damaged.
    """
    text = _beginning(part)
    if text.isascii():
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text)  # the last letter may be cut off
    except UnicodeDecodeError:
        read = text.decode("utf-8", "replace")
        damaged = read.count("\ufffd")
        if sum(not sign.isascii() for sign in read) >= 2 * damaged:
            return None
        return next(encoding for encoding in _GUESSES if _reads(text, encoding))
    return None


def line_with_letters(text: str) -> str | None:
    """A piece of a text with letters beyond ASCII, by which to see whether a guess is right."""
    for line in text.splitlines():
        at = next((n for n, sign in enumerate(line) if not sign.isascii()), None)
        if at is not None:
            return line[max(0, at - 20) : at + 20].strip()
    return None


def _beginning(part: Part) -> bytes:
    if "://" in part.location or part.location.endswith((".zst", ".parquet")):
        return b""
    found = bytearray()
    try:
        with open_unpacked(Path(part.location)) as file:
            while len(found) < _LOOKED_AT and (chunk := file.read(_CHUNK)):
                found += chunk
    except (OSError, EOFError, zlib.error):  # of a remote gzip the end is missing
        pass
    return bytes(found)


def _reads(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
