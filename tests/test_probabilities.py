"""Averaging what records keep of predictions is averaging the predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from harness.metrics import predictions
from harness.probabilities import average_right, pack_probabilities

ITEMS = 200


def some_logits(seed, classes, scale=2.0):
    return np.random.default_rng(seed).normal(0, scale, (ITEMS, classes)).astype(np.float32)


def some_labels(seed, classes):
    return np.random.default_rng([seed, 1]).integers(0, classes, ITEMS)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(1, 3))
def test_an_average_is_right_where_the_mean_of_the_softmax_is(seed, classes, models):
    labels = some_labels(seed, classes)
    logits = [some_logits([seed, model], classes) for model in range(models)]
    mean = np.mean([softmax(one.astype(float), axis=1) for one in logits], axis=0)
    best = np.sort(mean, axis=1)
    clear = best[:, -1] - best[:, -2] > 1e-6  # what is stored is rounded
    right = average_right([pack_probabilities(one, labels) for one in logits], ITEMS, classes)
    np.testing.assert_array_equal(right[clear], (mean.argmax(axis=1) == labels)[clear])
    assert clear.mean() > 0.99


def test_an_average_is_not_a_vote_nor_one_of_the_models():
    labels = np.zeros(2, dtype=np.int64)
    sure, unsure = np.array([[4.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    packed = [pack_probabilities(logits.astype(np.float32), labels) for logits in (sure, unsure, unsure)]
    np.testing.assert_array_equal(average_right(packed, 2, 2), [True, False])


def test_of_two_sure_models_the_surer_decides():
    logits, labels = np.array([[9.0, 0.0], [0.0, 8.0]], dtype=np.float32), np.array([0, 0])
    first, second = pack_probabilities(logits[:1], labels[:1]), pack_probabilities(logits[1:], labels[1:])
    assert average_right([first, second], 1, 2).all()
    assert not average_right([second, second, first], 1, 2).any()


@pytest.mark.parametrize("classes", [2, 3, 4, 6])
def test_a_tie_is_wrong(classes):
    packed = pack_probabilities(np.zeros((3, classes), dtype=np.float32), np.array([0, 1, classes - 1]))
    assert not average_right([packed], 3, classes).any()


def test_what_diverged_predicts_the_class_that_its_error_counts():
    logits, labels = np.full((4, 3), np.nan, dtype=np.float32), np.array([0, 1, 2, 0])
    right = average_right([pack_probabilities(logits, labels)], 4, 3)
    np.testing.assert_array_equal(right, predictions(logits) == labels)


@pytest.mark.parametrize(("items", "classes"), [(ITEMS - 1, 3), (ITEMS // 2, 3), (ITEMS, 2)])
def test_other_numbers_of_items_or_classes_are_refused(items, classes):
    packed = pack_probabilities(some_logits(0, 3), some_labels(0, 3))
    with pytest.raises(ValueError, match="reshape"):
        average_right([packed], items, classes)
