"""Tell text in an older encoding from UTF-8 with a damaged line."""

from __future__ import annotations

LEAST_SHARE = 0.1
"""Of the lines that are not plain ASCII: fewer that are not UTF-8 are damaged lines."""

_UNUSED = frozenset(b"\x81\x8d\x8f\x90\x9d")
"""Bytes that Windows-1252 leaves unused."""


def likely_encoding(head: bytes) -> str | None:
    """The encoding of text that is not UTF-8, if many of its lines are not; None of UTF-8.

    Nothing but the bytes is there to go by: Windows-1252, of which ISO 8859-1's text is a part,
    unless a byte occurs that it does not have. The last line may be cut off.
    """
    lines = head.splitlines()
    if len(lines) > 1 and not head.endswith((b"\n", b"\r")):
        lines = lines[:-1]
    foreign = [line for line in lines if not line.isascii()]
    broken = [line for line in foreign if not is_utf8(line)]
    if not broken or len(broken) < LEAST_SHARE * len(foreign):
        return None
    # one damaged line among plain ones is a damaged line, but for the header
    if len(broken) == 1 and broken[0] is not lines[0] and len(lines) > 10:
        return None
    return "latin-1" if _UNUSED.intersection(b"".join(broken)) else "cp1252"


def is_utf8(line: bytes) -> bool:
    """Whether bytes are text in UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
