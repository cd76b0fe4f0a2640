"""Intervals over repetitions and test items at once, for a difference that stands with other seeds and other texts.

An interval over seeds alone takes the test items for the whole population. Small test sets are samples too, and
every repetition is judged on the same one, so its luck does not average out over seeds.
"""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.statistics import Interval

Correct = npt.NDArray[np.bool_]


def unpack_correct(packed: str, items: int) -> Correct:
    """Which of ``items`` items were right, shape (items,)."""
    bits = np.frombuffer(base64.b64decode(packed), dtype=np.uint8)
    return np.unpackbits(bits, count=items).astype(bool)


def crossed_interval(left: Correct, right: Correct, level: float = 0.95) -> Interval | None:
    """Interval for the difference of errors, left minus right, over repetitions and items as random effects.

    Two-way analysis of variance without replication: the variance of the grand mean of n repetitions × m items is
    (MS_repetitions + MS_items − MS_residual) / (n·m), with Satterthwaite's degrees of freedom (1946). It is never
    taken to be less than that over repetitions or over items alone. Where no item differs, in any repetition, the
    interval reaches as far as the share of items that would may go: 1 − (1 − level)^(1/m) (Clopper & Pearson 1934).

    Args:
        left: which items were right, shape (repetitions, items).
        right: the same repetitions and items, in the same order.
        level: coverage.

    Returns:
        None for fewer than two repetitions or two items.

    Raises:
        ValueError: when the shapes differ or are not (repetitions, items).
    """
    if left.shape != right.shape or left.ndim != 2:
        raise ValueError(f"expected the same repetitions × items on both sides, got {left.shape} and {right.shape}")
    repetitions, items = left.shape
    if repetitions < 2 or items < 2:
        return None
    differences = right.astype(np.float64) - left
    mean = float(differences.mean())
    of_rows, of_columns = differences.mean(axis=1), differences.mean(axis=0)
    residual = differences - of_rows[:, None] - of_columns + mean
    freedom = np.array([repetitions - 1, items - 1, (repetitions - 1) * (items - 1)], dtype=np.float64)
    squares = np.array([items * of_rows.var(ddof=1), repetitions * of_columns.var(ddof=1), (residual**2).sum()])
    squares[2] /= freedom[2]
    total = max(float(squares[0] + squares[1] - squares[2]), float(squares[0]), float(squares[1]))
    if total == 0:
        half = 1 - (1 - level) ** (1 / items)
        return mean - half, mean + half
    half = float(
        stats.t.ppf(0.5 + level / 2, total**2 / float((squares**2 / freedom).sum()))
        * np.sqrt(total / (repetitions * items))
    )
    return mean - half, mean + half
