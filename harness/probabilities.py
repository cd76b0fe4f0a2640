"""Predicted probabilities as a record keeps them, so that the predictions of two models can be averaged.

They are turned so that the true class comes first and the others follow in cyclic order: an average is right where its
first column is the largest, and a record need not hold the labels of a data set.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from harness.metrics import predictions

_STORED = np.dtype("<f4")
_ROUNDING = 1e-7  # what two averages of stored probabilities have to differ by not to be a tie


def pack_probabilities(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> str:
    """Write the softmax of ``logits`` (items, classes), turned by ``labels`` (items,), without the last column.

    Base64 of little-endian 32-bit floats (items, classes − 1). Where logits are not finite, the class that counts as
    predicted has all of the probability.
    """
    classes = logits.shape[1]
    if np.isfinite(logits).all():
        probabilities = softmax(logits.astype(np.float64), axis=1)
    else:
        probabilities = np.eye(classes)[predictions(logits)]
    order = (labels[:, None] + np.arange(classes - 1)) % classes
    turned = np.take_along_axis(probabilities, order, axis=1)
    return base64.b64encode(turned.astype(_STORED).tobytes()).decode()


def average_right(packed: Sequence[str], items: int, classes: int) -> NDArray[np.bool_]:
    """Which items (items,) the mean of several models' probabilities gets right; a tie with another class is wrong.

    Raises:
        ValueError: when one of ``packed`` was written for another number of items or classes.
    """
    stored = [np.frombuffer(base64.b64decode(text), dtype=_STORED).reshape(items, classes - 1) for text in packed]
    mean = np.asarray(np.mean(stored, axis=0, dtype=np.float64))
    others = np.column_stack([mean[:, 1:], 1 - mean.sum(axis=1)])
    return np.asarray(mean[:, 0] > others.max(axis=1) + _ROUNDING)
