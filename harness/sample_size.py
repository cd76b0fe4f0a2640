"""How many pairs would decide an open question, if further pairs are like those seen.

Planning, not evidence: the mean and spread of a few pairs are themselves uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.power import TTestPower

POWER = 0.8
SIGNIFICANCE = 0.05
MOST_PAIRS = 10_000
_NOTHING = 1e-12  # what rounding makes of equal fractions


def pairs_for_difference(
    differences: npt.ArrayLike, from_value: float = 0.0, sides: Literal[1, 2] = 2, level: float = SIGNIFICANCE
) -> int | None:
    """Pairs with which a t test tells the mean of ``differences`` from ``from_value``, with a power of 0.8.

    The test has one side or two, each way at the ``level``.

    Returns:
        None where no number up to ``MOST_PAIRS`` would, or fewer than two differences are given.
    """
    sample = np.asarray(differences, dtype=np.float64)
    if len(sample) < 2:
        return None
    distance, spread = abs(float(sample.mean()) - from_value), float(sample.std(ddof=1))
    if spread <= _NOTHING:
        return 2 if distance > _NOTHING else None
    power = TTestPower()
    towards = "two-sided" if sides == 2 else "larger"
    return _fewest(lambda pairs: float(power.power(distance / spread, pairs, level, alternative=towards)))


def pairs_for_equivalence(differences: npt.ArrayLike, margin: float, level: float = SIGNIFICANCE) -> int | None:
    """Pairs with which two one-sided t tests put the mean of ``differences`` within ±``margin``, with a power of 0.8.

    The tests are at the ``level``. The power is that of both at once, from the noncentral t distribution (Phillips
    1990, lower bound).

    Returns:
        None as ``pairs_for_difference``.
    """
    sample = np.asarray(differences, dtype=np.float64)
    if len(sample) < 2 or abs(float(sample.mean())) >= margin - _NOTHING:
        return None
    mean, spread = float(sample.mean()), float(sample.std(ddof=1))
    if spread <= _NOTHING:
        return 2

    def power(pairs: int) -> float:
        error = spread / math.sqrt(pairs)
        bound = stats.t.ppf(1 - level, pairs - 1)
        below = stats.nct.cdf(-bound, pairs - 1, (mean - margin) / error)
        above = stats.nct.cdf(bound, pairs - 1, (mean + margin) / error)
        return float(below - above)

    return _fewest(power)


def _fewest(power: Callable[[int], float]) -> int | None:
    """The fewest pairs with enough power, which grows with them: double until it suffices, then halve the interval."""
    high = 2
    while not power(high) >= POWER:  # the noncentral t is not a number where power is nearly nothing
        if high == MOST_PAIRS:
            return None
        high = min(2 * high, MOST_PAIRS)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high
