"""The process in which dbt runs: it answers one command after the other.

Run as ``python -m flows.dbt_child FD`` by flows.dbt_process: requests come on stdin, answers go to
the file descriptor named. It ends at once when stdin does, whatever it is doing: then the run that
started it is dead, and its home belongs to the next one.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import sys
import threading
import time
import traceback
from dataclasses import replace
from typing import Any

from flows.dbt_process import DbtRequest


def main(answers_descriptor: int) -> None:
    """Answer one request after the other until stdin ends."""
    gc.disable()  # to look for garbage costs a tenth: that is done when nobody waits
    requests: queue.Queue[DbtRequest] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    from flows.dbt_commands import answer

    manifests: dict[str, Any] = {}
    accounted = 0.0
    with os.fdopen(answers_descriptor, "wb") as answers:
        while True:
            outcome = answer(requests.get(), manifests)
            used = time.process_time()
            pickle.dump(replace(outcome, cpu_seconds=used - accounted), answers)
            accounted = used
            answers.flush()
            gc.collect()
            if not gc.get_freeze_count():
                gc.freeze()


def _read(requests: queue.Queue[DbtRequest]) -> None:
    try:
        while True:
            requests.put(pickle.load(sys.stdin.buffer))
    except EOFError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    # requests are of the classes of the importable module, not of this __main__
    try:
        main(int(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # the thread that reads cannot be joined
