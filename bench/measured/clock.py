"""Tell the bench how long the part took that is not start-up: one JSON object, on the last line."""

from __future__ import annotations

import json
import sys
import time


def now() -> float:
    """Seconds of a clock that only goes forward."""
    return time.perf_counter()


def tell(begun: float | None = None, **numbers: object) -> None:
    """Write ``numbers``, and the net seconds since ``begun``."""
    net = {} if begun is None else {"net_seconds": round(time.perf_counter() - begun, 4)}
    sys.stdout.write("\n" + json.dumps(net | numbers) + "\n")
