"""What simulations of verdicts share: how many runs, how many may go wrong by chance, and random numbers."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

from harness import statistics
from harness.claims import Outcome

RUNS = 200
_LEVELS: dict[Outcome, float] = {"held": 0.05, "failed": 0.025}  # failing takes one side of a 95 % interval


def most_wrong(outcome: Outcome) -> float:
    """How many verdicts of ``RUNS`` may have this outcome wrongly: nominally, and two standard errors more."""
    level = _LEVELS[outcome]
    return level * RUNS + 2 * math.sqrt(level * (1 - level) * RUNS)


def quick_generator(monkeypatch: pytest.MonkeyPatch, seed: int = 5) -> np.random.Generator:
    """Random numbers for a simulation that judges many times."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels collects at every adjustment
    monkeypatch.setattr(statistics, "RESAMPLES", 1099)  # as many as make the sign-flip test of ten pairs exact
    return np.random.default_rng(seed)
