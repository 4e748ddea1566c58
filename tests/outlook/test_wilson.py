"""The Wilson interval is the oracle's, and holds the proportion that it is of."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.outlook.wilson import wilson
from tests import oracle


@given(trials=st.integers(1, 10**9), share=st.floats(0, 1))
@example(trials=4213, share=0.0)  # where rounding alone put the lower bound above 0
@example(trials=4213, share=1.0)
@example(trials=11, share=1.0)  # where it put the upper one above 1
def test_it_is_the_oracles_and_holds_the_proportion(trials: int, share: float) -> None:
    successes = round(trials * share)
    low, high = wilson(successes, trials)
    assert (low, high) == pytest.approx(oracle.wilson(successes, trials), abs=1e-11)
    assert 0 <= low <= successes / trials <= high <= 1
