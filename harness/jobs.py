"""What the two implementations are asked and what they answer: the seam between them and the harness.

An implementation is two functions, ``fine_tune_language_model(job, report)`` and
``fine_tune_classifier(job, report)``. Both implementations get the same starting weights, token ids, seeds
and peak rates, and report the same things.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.corpus.encoding import LabelledDocuments
from harness.record import Epoch, RealisedRates
from harness.specification import CPU, Arm, ClassifierRecipe, Hardware, LanguageModelArm, LanguageModelRecipe, ModelSize

if TYPE_CHECKING:  # weights are torch tensors, and the command line does without torch
    from harness.weights import Weights

Documents = tuple[NDArray[np.int64], ...]
Logits = NDArray[np.float32]
Report = Callable[[float, str], None]  # fraction done, message


@dataclass(frozen=True)
class LanguageModelJob:
    """Train a language model on ``documents``, from ``start``."""

    size: ModelSize
    recipe: LanguageModelRecipe
    arm: LanguageModelArm
    start: Weights
    documents: Documents
    validation: Documents
    seeds: dict[str, int]
    hardware: Hardware = CPU


@dataclass(frozen=True)
class LanguageModelOutcome:
    """The trained weights, the held-out perplexity before and after, and what happened on the way."""

    weights: Weights
    perplexity_before: float
    perplexity: float
    losses: tuple[float, ...]  # mean cross-entropy per token, one an epoch
    rates: RealisedRates
    tokens: int
    seconds: float  # spent in training steps


@dataclass(frozen=True)
class ClassifierJob:
    """Train a classifier from ``start`` (encoder and head) with the arm's unfreezing, schedule and decay."""

    size: ModelSize
    recipe: ClassifierRecipe
    arm: Arm
    base_rate: float
    start: Weights
    classes: int
    training: LabelledDocuments
    validation: LabelledDocuments
    test: LabelledDocuments
    seeds: dict[str, int]
    hardware: Hardware = CPU


@dataclass(frozen=True)
class ClassifierOutcome:
    """Final weights and logits (documents, classes) in the documents' own order."""

    weights: Weights
    validation_logits: Logits
    test_logits: Logits
    epochs: tuple[Epoch, ...]
    rates: RealisedRates
    layers: dict[str, tuple[str, ...]]  # layer group -> names of its weights
    tokens: int
    seconds: float
    finite: bool  # no loss was NaN or infinite


class ImplementationModule(Protocol):
    """The two functions an implementation consists of."""

    def fine_tune_language_model(self, job: LanguageModelJob, report: Report) -> LanguageModelOutcome:
        """Train a language model as the job says."""

    def fine_tune_classifier(self, job: ClassifierJob, report: Report) -> ClassifierOutcome:
        """Train a classifier as the job says."""


EVALUATION_ROWS = 64
TRACE_ROWS = 12


def held_out_rows(documents: Documents, bptt: int) -> int:
    """Rows of the stream that held-out text is read in; few enough that each is some chunks long."""
    return min(EVALUATION_ROWS, max(1, sum(map(len, documents)) // (2 * bptt)))


@dataclass
class RateLog:
    """Collects the rates an optimizer really used, step by step."""

    groups: tuple[str, ...]
    decay: float
    steps: list[tuple[float, ...]] = field(default_factory=list)

    def observe(self, rates: Sequence[float]) -> None:
        """Add one step's rates, lowest group first, 0 for a frozen group."""
        self.steps.append(tuple(rates))

    def realised(self) -> RealisedRates:
        """Peaks, an evenly spaced trace, and the largest deviation from the prescribed ratios over all steps."""
        rates = np.array(self.steps, dtype=np.float64).reshape(len(self.steps), len(self.groups))
        rows = np.unique(np.linspace(0, max(len(rates) - 1, 0), TRACE_ROWS).round().astype(int))[: len(rates)]
        trace = tuple((float(row), *(float(f"{rate:.6g}") for rate in rates[row])) for row in rows)
        peaks = tuple(float(peak) for peak in rates.max(axis=0, initial=0.0))
        return RealisedRates(self.groups, len(rates), peaks, trace, self._largest_ratio_error(rates))

    def _largest_ratio_error(self, rates: NDArray[np.float64]) -> float:
        """Compare every trainable group, undone by its own power of the decay, with the step's largest such value."""
        powers = np.arange(len(self.groups))[::-1]
        undone = np.where(rates > 0, rates * self.decay**powers, np.nan)
        active = undone[~np.isnan(undone).all(axis=1)]
        if not active.size:
            return 0.0
        return float(np.nanmax(np.nanmax(active, axis=1) / np.nanmin(active, axis=1)) - 1)


def as_fraction(step: int, total: int) -> float:
    """Progress as a fraction."""
    return (step + 1) / total


def finite_or_none(value: float) -> float | None:
    """The value, or None where it is NaN or infinite: what a record holds."""
    return value if math.isfinite(value) else None
