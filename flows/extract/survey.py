"""What the bytes of a text say of its lines: how many there are, how they end, and the last one."""

from __future__ import annotations

_TAIL_BYTES = 4096


class Survey:
    """Counts the lines of a text that is fed to it in chunks, in order.

    A line ends with LF, CRLF or CR. The counts are of bytes: text in UTF-16 has to be rewritten
    before.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._lf = 0
        self._crlf = 0
        self._cr = 0
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        seam = self._tail.endswith(b"\r") and chunk.startswith(b"\n")
        returns = chunk.count(b"\r")
        self.bytes += len(chunk)
        self._lf += chunk.count(b"\n")
        self._cr += returns
        self._crlf += seam + (chunk.count(b"\r\n") if returns else 0)
        self._tail = (self._tail + chunk[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    @property
    def lines(self) -> int:
        """How many lines there are; the last one counts whether it has an end or not."""
        return self._lf + self._cr - self._crlf + int(self.is_open)

    @property
    def is_open(self) -> bool:
        """Whether the last line has no end."""
        return bool(self._tail) and not self._tail.endswith((b"\n", b"\r"))

    @property
    def is_mixed(self) -> bool:
        """Whether lines end in more than one way."""
        ways = (self._lf - self._crlf, self._crlf, self._cr - self._crlf)
        return sum(count > 0 for count in ways) > 1

    @property
    def last_line(self) -> str:
        """The last line that is not blank, or as much of its end as fits into 4 KB."""
        lines = self._tail.decode("utf-8", "replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "")
