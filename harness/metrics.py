"""Classification metrics over logits."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.metrics import f1_score

from harness.record import SplitMetrics

CALIBRATION_BINS = 15


def split_metrics(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> SplitMetrics:
    """Metrics of logits (items, classes) against labels (items,).

    Logits that are not finite, after a divergence, count as a prediction of class 0 and have no loss.
    """
    finite = bool(np.isfinite(logits).all())
    predicted = predictions(logits)
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1) if finite else None
    return SplitMetrics(
        items=len(labels),
        error=float((predicted != labels).mean()),
        f1_macro=float(f1_score(labels, predicted, average="macro", zero_division=0)),
        loss=None if log_probabilities is None else float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        calibration_error=None if log_probabilities is None else calibration_error(np.exp(log_probabilities), labels),
    )


def predictions(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class with the largest logit; 0 where a logit is not a number."""
    return np.where(np.isfinite(logits).all(axis=1), np.nan_to_num(logits).argmax(axis=1), 0)


def calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Expected calibration error over 15 equal-width bins of the top probability (Guo et al. 2017, equation 3)."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(correct[bins == b].sum() - confidence[bins == b].sum()) for b in range(CALIBRATION_BINS)]
    return float(sum(gaps) / len(labels))


def pack_correct(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> str:
    """Which items were right, as ``pack_right`` writes it."""
    return pack_right(predictions(logits) == labels)


def pack_right(right: NDArray[np.bool_]) -> str:
    """Which items were right (items,), as base64 of packed bits; ``harness.crossed.unpack_correct`` inverts it."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()
