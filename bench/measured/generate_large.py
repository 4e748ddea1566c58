"""Write a gzip of NDJSON of a given size, with text that hardly shrinks, as real exports have.

Usage: ``python -m bench.measured.generate_large FILE BYTES``.
"""

from __future__ import annotations

import base64
import random
import sys
import zlib
from pathlib import Path

from bench.measured.clock import tell

_ROWS_AT_ONCE = 1000


def main() -> None:
    path, wanted = Path(sys.argv[1]), int(sys.argv[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    rows = text_bytes = 0
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        while file.tell() < wanted:
            text = "".join(_row(rows + n, chance) for n in range(_ROWS_AT_ONCE)).encode()
            rows += _ROWS_AT_ONCE
            text_bytes += len(text)
            file.write(packer.compress(text))
        file.write(packer.flush())
    tell(rows=rows, text_bytes=text_bytes)


def _row(number: int, chance: random.Random) -> str:
    second = number % 86_400
    return (
        f'{{"event_id": "{number:x}", "user_id": "u{chance.randrange(400_000)}", '
        f'"event_time": "2026-01-{1 + number // 86_400 % 28:02} {second // 3600:02}:'
        f'{second // 60 % 60:02}:{second % 60:02}", "event_name": "e{number % 12}", '
        f'"platform": "ios", "country": "DE", "app_version": "1", "channel": "ads", '
        f'"payload": "{base64.b64encode(chance.randbytes(480)).decode()}"}}\n'
    )


if __name__ == "__main__":
    main()
