"""Three hundred damaged files: no crash, no lost row, every line accounted for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bench.fuzzing import Fuzz


def test_landing_accounts_for_every_line_of_damaged_files(tmp_path: Path) -> None:
    with Fuzz(tmp_path) as fuzz:
        became = Counter(fuzz.land(seed) for seed in range(300))
    assert set(became) == {"failed", "landed", "rejects"}
