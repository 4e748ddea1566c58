"""Land many small extracts in one go, a large one by itself, and broken ones not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from flows.errors import BrokenExtracts, ExtractError
from flows.extract.found import Extract, Found
from flows.land.ledger import Landed

MAX_FILES = 500
MAX_BYTES = 32 * 1024 * 1024
SMALL_BYTES = 4 * 1024 * 1024

_ALONE = (".zip", ".parquet")

File = TypeVar("File", Found, Extract)


def batches(found: Sequence[File]) -> Iterator[list[File]]:
    """Runs of small files, in their order, and every other one alone."""
    batch: list[File] = []
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


def land_unbroken(
    extracts: Sequence[Extract], land: Callable[[Sequence[Extract]], dict[str, Landed]]
) -> tuple[dict[str, Landed], dict[str, Exception]]:
    """Land extracts together, without those that are broken: what they came to, and why not.

    Both are by extract id. ``land`` lands all that it is given, or raises and lands nothing. Where
    it says which are broken the others land without them; where it does not, each half lands by
    itself, so that a few broken ones among many cost a few more tries.
    """
    if not extracts:
        return {}, {}
    try:
        return land(extracts), {}
    except BrokenExtracts as error:
        broken: dict[str, Exception] = {
            extract_id: ExtractError(reason) for extract_id, reason in error.reasons.items()
        }
        others = [extract for extract in extracts if extract.extract_id not in broken]
        landed, more = land_unbroken(others, land)
        return landed, broken | more
    except (ExtractError, OSError) as error:
        if len(extracts) == 1:
            return {}, {extracts[0].extract_id: error}
    middle = len(extracts) // 2
    landed, broken = land_unbroken(extracts[:middle], land)
    later, more = land_unbroken(extracts[middle:], land)
    return landed | later, broken | more
