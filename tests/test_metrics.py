from __future__ import annotations

import base64
import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, log_loss

from harness.crossed import unpack_correct
from harness.metrics import calibration_error, pack_correct, predictions, split_metrics

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)
LOGITS = arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(2, 5)), elements=st.floats(-20, 20, width=32))


def some_logits(items: int = 200, classes: int = 4) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    generator = np.random.default_rng(3)
    return generator.normal(0, 2, (items, classes)).astype(np.float32), generator.integers(0, classes, items)


def test_error_f1_and_loss_are_those_of_scikit_learn() -> None:
    logits, labels = some_logits()
    probabilities = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum(axis=1, keepdims=True)
    found = split_metrics(logits, labels)
    assert found.items == 200
    assert found.error == pytest.approx(1 - accuracy_score(labels, logits.argmax(axis=1)))
    assert found.f1_macro == pytest.approx(f1_score(labels, logits.argmax(axis=1), average="macro"))
    assert found.loss == pytest.approx(log_loss(labels, probabilities))


def test_a_confusion_of_four_items_gives_these_figures() -> None:
    logits = np.log(np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]], dtype=np.float32))
    found = split_metrics(logits, np.array([0, 1, 1, 0]))
    assert found.error == 0.25
    assert found.f1_macro == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found.loss == pytest.approx(-(math.log(0.8) + math.log(0.4) + math.log(0.7) + math.log(0.9)) / 4)


def test_the_calibration_error_is_the_weighted_gap_of_the_bins() -> None:
    probabilities = np.array([[0.81, 0.19], [0.85, 0.15], [0.39, 0.61], [1.0, 0.0]])
    labels = np.array([0, 1, 1, 0])
    # bins of width 1/15: {0.81, 0.85} holds 1 right of 2 at mean 0.83; {0.61} is right; {1.0} is right
    expected = (2 * abs(0.5 - 0.83) + 1 * abs(1 - 0.61) + 1 * 0) / 4
    assert calibration_error(probabilities, labels) == pytest.approx(expected)


def test_over_and_under_confidence_in_neighbouring_bins_do_not_cancel() -> None:
    probabilities = np.array([[0.72, 0.28], [0.78, 0.22]])  # one bin of ten, two of fifteen
    assert calibration_error(probabilities, np.array([0, 1])) == pytest.approx((0.28 + 0.78) / 2)


def test_the_loss_of_a_confidently_wrong_item_is_not_cut_off() -> None:
    logits = np.array([[100.0, 0.0], [0.0, 100.0]], dtype=np.float32)
    assert split_metrics(logits, np.array([1, 1])).loss == pytest.approx(50)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_count_as_class_zero_and_have_no_loss(bad: float) -> None:
    logits = np.array([[0.0, bad, 5.0], [0.0, 1.0, 5.0]], dtype=np.float32)
    found = split_metrics(logits, np.array([1, 2]))
    assert predictions(logits).tolist() == [0, 2]
    assert (found.error, found.loss, found.calibration_error) == (0.5, None, None)
    assert math.isfinite(found.f1_macro)


def test_a_class_that_is_absent_from_the_labels_does_not_break_the_metrics() -> None:
    logits = np.eye(3, dtype=np.float32)
    found = split_metrics(logits, np.array([0, 1, 1]))
    assert found.error == pytest.approx(1 / 3)
    assert found.loss is not None


@SETTINGS
@given(LOGITS, st.randoms(use_true_random=False))
def test_which_items_were_right_survives_packing_and_gives_the_error(
    logits: NDArray[np.float32], random: Random
) -> None:
    labels = np.array([random.randrange(logits.shape[1]) for _ in logits])
    packed = pack_correct(logits, labels)
    right = unpack_correct(packed, len(labels))
    assert right.tolist() == (logits.argmax(axis=1) == labels).tolist()
    assert len(base64.b64decode(packed)) == math.ceil(len(labels) / 8)
    assert split_metrics(logits, labels).error == pytest.approx(1 - right.mean())
