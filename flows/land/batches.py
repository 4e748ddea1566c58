"""Group new extracts so that many small ones land in one go, and a large one by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.extract.found import Found

MAX_FILES = 500
MAX_BYTES = 32 * 1024 * 1024
SMALL_BYTES = 4 * 1024 * 1024

_ALONE = (".zip", ".parquet")


def batches(found: Sequence[Found]) -> Iterator[list[Found]]:
    """Runs of small files, in their order, and every other one alone."""
    batch: list[Found] = []
    size = 0
    for one in found:
        alone = one.bytes > SMALL_BYTES or one.name.lower().endswith(_ALONE)
        if batch and (alone or len(batch) >= MAX_FILES or size + one.bytes > MAX_BYTES):
            yield batch
            batch, size = [], 0
        if alone:
            yield [one]
        else:
            batch.append(one)
            size += one.bytes
    if batch:
        yield batch
