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

_UNIT = 2**16 - 1
_STORED = np.dtype("<u2")


def pack_probabilities(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> str:
    """Write the softmax of ``logits`` (items, classes), turned by ``labels`` (items,), without the last column.

    Base64 of little-endian 16-bit integers (items, classes − 1) in units of 1/65,535. Where logits are not finite, the
    class that counts as predicted has all of the probability.
    """
    classes = logits.shape[1]
    if np.isfinite(logits).all():
        probabilities = softmax(logits.astype(np.float64), axis=1)
    else:
        probabilities = np.eye(classes)[predictions(logits)]
    order = (labels[:, None] + np.arange(classes - 1)) % classes
    turned = np.take_along_axis(probabilities, order, axis=1)
    return base64.b64encode((turned * _UNIT).round().astype(_STORED).tobytes()).decode()


def average_right(packed: Sequence[str], items: int) -> NDArray[np.bool_]:
    """Which items (items,) the mean of several models' probabilities gets right; a tie with another class is wrong.

    Raises:
        ValueError: when one of ``packed`` was not written for ``items`` items, or for other classes than the first.
    """
    total = np.mean([_unpacked(text, items) for text in packed], axis=0)
    others = np.column_stack([total[:, 1:], 1 - total.sum(axis=1)])
    return np.asarray(total[:, 0] > others.max(axis=1) + 1e-9)


def _unpacked(text: str, items: int) -> NDArray[np.float64]:
    stored = np.frombuffer(base64.b64decode(text), dtype=_STORED)
    return stored.reshape(items, -1) / _UNIT
