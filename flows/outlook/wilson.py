"""The Wilson score interval of a proportion, for figures that no mart holds."""

from __future__ import annotations

import math

_Z_95 = 1.959963984540054


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Return the 95 % score interval (Wilson 1927), as fractions, as the macro wilson_bound does.

    It holds the proportion itself, also where rounding would leave none or all of the trials out.
    ``trials`` is above 0.
    """
    p, z2 = successes / trials, _Z_95**2
    middle = p + z2 / (2 * trials)
    reach = _Z_95 * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    whole = 1 + z2 / trials
    return max(0.0, min(p, (middle - reach) / whole)), min(1.0, max(p, (middle + reach) / whole))
