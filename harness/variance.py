"""How much of the spread over seeds is due to initial weights, and how much to data order and dropout.

Both contribute alike in fine-tuning (Dodge et al. 2020). Repetitions that cross them show each on its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.record import Record
from harness.specification import Cell

_ROUNDING = 1e-18  # of mean squares of error fractions: what equal errors leave


@dataclass(frozen=True)
class Components:
    """Variances of single runs by source, in the square of the errors' unit; ``p`` are F tests of no variance.

    ``total`` is their sum before estimates below 0 are raised to it, which would make it too large on average.
    """

    initialisation: float
    order: float
    residual: float
    total: float
    p_initialisation: float
    p_order: float


def components(errors: npt.NDArray[np.float64]) -> Components:
    """Estimate variance components from crossed errors, shape (initialisations, orders), one run of each pair.

    Random-effects analysis of variance of two ways without replication: the residual holds the interaction and what
    else differs from run to run. An estimate that comes out negative is given as 0.

    Raises:
        ValueError: for fewer than two initialisations or orders, or errors that are not finite.
    """
    if errors.ndim != 2 or min(errors.shape) < 2:
        raise ValueError(f"expected two initialisations or more × two orders or more, got shape {errors.shape}")
    if not np.isfinite(errors).all():
        raise ValueError("the errors of crossed repetitions must be finite")
    rows, columns = errors.shape
    of_rows, of_columns = errors.mean(axis=1), errors.mean(axis=0)
    left = errors - of_rows[:, None] - of_columns + errors.mean()
    freedom = (rows - 1) * (columns - 1)
    residual = float((left**2).sum() / freedom)
    between_rows = columns * float(of_rows.var(ddof=1))
    between_columns = rows * float(of_columns.var(ddof=1))
    of_initialisation, of_order = (between_rows - residual) / columns, (between_columns - residual) / rows
    return Components(
        initialisation=max(0.0, of_initialisation),
        order=max(0.0, of_order),
        residual=residual,
        total=max(0.0, of_initialisation + of_order + residual),
        p_initialisation=_p(between_rows, residual, rows - 1, freedom),
        p_order=_p(between_columns, residual, columns - 1, freedom),
    )


def crossed_errors(records: Iterable[Record]) -> dict[Cell, npt.NDArray[np.float64]]:
    """Test errors of crossed repetitions, shape (n, n), by their first cell; those that are not complete are left out.

    Raises:
        ValueError: when a repetition occurs twice.
    """
    found: dict[Cell, dict[int, float]] = {}
    for record in records:
        cell = record.specification
        if cell.recipe.crossing is not None:
            errors = found.setdefault(replace(cell, repetition=0), {})
            if cell.repetition in errors:
                raise ValueError(f"{record.cell}: two records of this cell; leave one of them out")
            errors[cell.repetition] = record.result.test.error
    return {cell: _square(errors) for cell, errors in found.items() if len(errors) == (cell.recipe.crossing or 0) ** 2}


def _square(errors: dict[int, float]) -> npt.NDArray[np.float64]:
    """Initialisations are the rows, orders the columns."""
    size = math.isqrt(len(errors))
    return np.array([errors[repetition] for repetition in range(len(errors))]).reshape(size, size)


def _p(between: float, residual: float, freedom: int, residual_freedom: int) -> float:
    if residual < _ROUNDING:
        return 1.0 if between < _ROUNDING else 0.0
    return float(stats.f.sf(between / residual, freedom, residual_freedom))
