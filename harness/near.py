"""Base rates that did nearly as well as the chosen one on validation data.

A rate is *near* when its mean validation error exceeds the lowest by no more than one standard error of the lowest,
which is the binomial one of the validation set's size (after the rule of one standard error, Breiman et al. 1984,
section 3.4.3). That tells how far apart two such means lie beside what the documents contribute; a comparison on the
same documents could tell some of these rates apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def near(errors: Mapping[float, float], items: int) -> tuple[float, ...]:
    """The near rates, in the order given.

    Args:
        errors: mean validation error (fraction) over the tuning repetitions by base rate.
        items: how many documents the validation set has.
    """
    lowest = min(errors.values())
    limit = lowest + math.sqrt(lowest * (1 - lowest) / items)
    return tuple(rate for rate, error in errors.items() if error <= limit)
