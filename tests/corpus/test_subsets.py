from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus.subsets import label_subset, stratified_order

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda values: np.array(values, dtype=np.int64))
SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)


@SETTINGS
@given(LABELS, st.integers(0, 2**32 - 1), st.data())
def test_a_smaller_subset_lies_within_a_larger_one(labels: np.ndarray, seed: int, data: st.DataObject) -> None:
    small, large = sorted(data.draw(st.tuples(*[st.integers(1, len(labels))] * 2)))
    inner, outer = (label_subset(labels, budget, seed) for budget in (small, large))
    assert len(inner) == small
    assert len(outer) == large
    assert set(inner) <= set(outer)
    assert inner.tolist() == sorted(set(inner.tolist()))


@SETTINGS
@given(LABELS, st.integers(0, 1000), st.data())
def test_every_class_has_a_label_where_the_budget_allows(labels: np.ndarray, seed: int, data: st.DataObject) -> None:
    budget = data.draw(st.integers(len(np.unique(labels)), len(labels)))
    assert set(labels[label_subset(labels, budget, seed)]) == set(labels)


@SETTINGS
@given(LABELS, st.randoms(use_true_random=False), st.data())
def test_every_prefix_is_in_proportion(labels: np.ndarray, random: object, data: st.DataObject) -> None:
    within = list(range(len(labels)))
    random.shuffle(within)  # type: ignore[attr-defined]
    order = stratified_order(labels, within)
    assert sorted(order) == sorted(within)
    size = data.draw(st.integers(1, len(labels)))
    counts, totals = (np.bincount(labels[chosen], minlength=5) for chosen in (order[:size], order))
    # Sainte-Laguë may leave a class up to a few halves from its quota, one half for each other class.
    assert np.all(np.abs(counts - totals * size / len(labels)) <= 2.5)
    for label in set(labels.tolist()):
        kept = [item for item in order if labels[item] == label]
        assert kept == [item for item in within if labels[item] == label]


def test_even_classes_are_drawn_evenly_and_seeds_differ() -> None:
    labels = np.repeat(np.arange(2), 500)
    subsets = [label_subset(labels, 100, seed) for seed in (0, 0, 1)]
    assert np.bincount(labels[subsets[0]]).tolist() == [50, 50]
    assert np.array_equal(subsets[0], subsets[1])
    assert not np.array_equal(subsets[0], subsets[2])


def test_a_seed_draws_these_labels_whatever_the_version_of_numpy() -> None:
    drawn = label_subset(np.repeat([0, 1, 2], [60, 30, 10]), 20, 2312340317)
    assert drawn.tolist() == [2, 3, 12, 23, 26, 29, 32, 35, 37, 46, 49, 59, 63, 66, 75, 78, 82, 88, 94, 97]


def test_no_budget_means_all_labels() -> None:
    assert label_subset(np.array([1, 0, 1]), None, 0).tolist() == [0, 1, 2]


@pytest.mark.parametrize("budget", [-1, 0, 4])
def test_an_impossible_budget_is_refused(budget: int) -> None:
    with pytest.raises(ValueError, match=f"budget of {budget} labels, with 3"):
        label_subset(np.array([1, 0, 1]), budget, 0)
