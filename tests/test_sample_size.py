"""The number of pairs that would decide: tabulated cases, simulated power, and questions no number decides."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.sample_size import MOST_PAIRS, pairs_for_difference, pairs_for_equivalence
from harness.statistics import equivalence


def like(mean: float, spread: float, count: int = 10) -> NDArray[np.float64]:
    """Differences with exactly this mean and standard deviation."""
    base = np.linspace(-1, 1, count)
    return mean + spread * base / base.std(ddof=1)


@pytest.mark.parametrize(("effect", "expected"), [(0.5, 34), (0.8, 15), (0.2, 199)])
def test_a_paired_t_test_needs_the_numbers_of_cohens_tables(effect: float, expected: int) -> None:
    assert pairs_for_difference(like(effect, 1.0)) == expected
    assert pairs_for_difference(like(1 + effect, 1.0), from_value=1.0) == expected


def test_the_search_reaches_the_most_pairs_and_goes_no_further() -> None:
    assert pairs_for_difference(like(0.0295, 1.0)) == pytest.approx(9021, abs=5)  # (1.96 + 0.84)² / 0.0295²
    assert pairs_for_difference(like(0.0275, 1.0)) is None


def test_a_smaller_level_needs_more_pairs() -> None:
    assert pairs_for_difference(like(0.5, 1.0), level=0.01) == 51
    inside, stricter = (pairs_for_equivalence(like(0.1, 1.0), 0.5, level) for level in (0.05, 0.01))
    assert inside is not None
    assert stricter is not None
    assert stricter > inside


def test_no_number_of_pairs_tells_equal_means_apart() -> None:
    assert pairs_for_difference(like(0.0, 1.0)) is None
    assert pairs_for_difference([0.1]) is None
    assert pairs_for_equivalence(like(0.6, 1.0), margin=0.5) is None


def test_differences_without_spread_are_decided_by_two() -> None:
    assert pairs_for_difference([0.25, 0.25, 0.25]) == 2
    assert pairs_for_equivalence([0.1, 0.1], margin=0.5) == 2
    assert pairs_for_difference([0.0, 0.0]) is None
    same = np.array([0.01, 0.05, 0.28]) - np.array([0.02, 0.06, 0.29])  # -0.01, but for rounding
    assert same.std() > 0
    assert pairs_for_difference(same) == pairs_for_equivalence(same, margin=0.02) == 2
    assert pairs_for_difference(same, from_value=-0.01) is None
    assert pairs_for_equivalence(same, margin=0.01) is None


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.2, 0.8)])
def test_that_many_pairs_show_equivalence_about_four_times_in_five(mean: float, spread: float) -> None:
    margin = 0.5
    pairs = pairs_for_equivalence(like(mean, spread), margin)
    assert pairs is not None
    assert 2 < pairs < MOST_PAIRS
    generator = np.random.default_rng(3)
    shown = [equivalence(generator.normal(mean, spread, pairs), np.zeros(pairs), margin) <= 0.05 for _ in range(600)]
    assert 0.75 <= float(np.mean(shown)) <= 0.87
