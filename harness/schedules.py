"""Learning-rate schedules: one factor per step, the same for every layer group.

A schedule multiplies the peak rate of each group. Because all groups get the same factor, the ratios that
discriminative rates set up survive every schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.specification import Schedule

STLR_CUT_FRACTION = 0.1
STLR_RATIO = 32.0
ONE_CYCLE_START = 0.25
ONE_CYCLE_DIV = 25.0
ONE_CYCLE_DIV_FINAL = 1e5
ONE_CYCLE_MOMENTUM = (0.8, 0.7)


@dataclass(frozen=True)
class StepFactors:
    """What a schedule prescribes at one step; ``beta1`` is None where the schedule leaves it alone."""

    rate: float
    beta1: float | None = None


def slanted_triangular(step: int, total: int) -> float:
    """STLR, Howard & Ruder 2018, equation 3 with the denominator of arXiv version 5.

    Rises linearly from 1/32 to 1 over the first tenth, then falls linearly back. The paper floors ``cut``
    but not the length of the descent, which makes p (and for short runs the rate itself) negative in the
    last steps; p is held at 0 there. ``cut`` is at least one step.
    """
    cut = max(1, math.floor(total * STLR_CUT_FRACTION))
    rising = step / cut
    falling = 1 - (step - cut) / (cut * (1 / STLR_CUT_FRACTION - 1))
    p = rising if step < cut else max(0.0, falling)
    return (1 + p * (STLR_RATIO - 1)) / STLR_RATIO


def cosine(step: int, total: int) -> float:
    """Half a cosine from 1 down to 0 (Loshchilov & Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * step / total)) / 2


def _anneal(start: float, end: float, position: float) -> float:
    return start + (1 + math.cos(math.pi * (1 - position))) * (end - start) / 2


def one_cycle(step: int, total: int) -> StepFactors:
    """Cosine one-cycle with a mirrored momentum, the shape of fastai's ``fit_one_cycle`` (its default constants)."""
    position = step / total
    high, low = ONE_CYCLE_MOMENTUM
    if position < ONE_CYCLE_START:
        inner = position / ONE_CYCLE_START
        return StepFactors(_anneal(1 / ONE_CYCLE_DIV, 1.0, inner), _anneal(high, low, inner))
    inner = (position - ONE_CYCLE_START) / (1 - ONE_CYCLE_START)
    return StepFactors(_anneal(1.0, 1 / ONE_CYCLE_DIV_FINAL, inner), _anneal(low, high, inner))


def factors(schedule: Schedule, step: int, total: int) -> StepFactors:
    """The factors at ``step`` (0-based) of ``total`` optimizer steps.

    Raises:
        ValueError: when ``step`` is outside 0 … total − 1, or the schedule is unknown.
    """
    if not 0 <= step < total:
        raise ValueError(f"step {step} is outside 0 … {total - 1}")
    if schedule == "stlr":
        return StepFactors(slanted_triangular(step, total))
    if schedule == "constant":
        return StepFactors(1.0)
    if schedule == "cosine":
        return StepFactors(cosine(step, total))
    if schedule == "one-cycle":
        return one_cycle(step, total)
    raise ValueError(f"unknown schedule {schedule!r}")
