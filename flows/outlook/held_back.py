"""Say with a verdict which source its app waits for, where one lies far behind the others."""

from __future__ import annotations

from dataclasses import replace

from flows.outlook.slow_sources import SlowSource
from flows.outlook.verdict import Verdict


def name_slow_source(verdict: Verdict, slow: SlowSource | None) -> Verdict:
    """The verdict with the source among its reasons, and without a date that has passed already.

    Days of the reporting zone. A date that other sources have reached is none to wait for.
    """
    if slow is None:
        return verdict
    reason = (
        f"Source {slow.source} holds the app back: it reaches {slow.watermark}, the others "
        f"{slow.furthest_full_day}."
    )
    has_passed = verdict.next_on is not None and verdict.next_on <= slow.furthest_full_day
    return replace(
        verdict,
        reasons=(*verdict.reasons[:2], reason),
        next_on=None if has_passed else verdict.next_on,
        next_step=(
            f"when source {slow.source} has brought what is missing, or the sources file says that "
            f"it has ended (ended: DATE); {verdict.next_step}"
        ),
    )
