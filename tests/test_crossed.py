"""The interval over seeds and items: a worked example, its limits, and its coverage in simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from harness.crossed import crossed_interval


def sides(differences: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two sides whose errors differ, left minus right, by these numbers of -1, 0 and 1."""
    return differences < 0, differences > 0


def test_two_seeds_and_two_items_by_hand() -> None:
    # rows (1, 0) and (1, 1): means 1/2, 1 and 1, 1/2; MS of rows and columns 1/4 each, residual 1/4
    low, high = crossed_interval(*sides(np.array([[1, 0], [1, 1]]))) or (0, 0)
    # total 1/4, over 4 cells; freedom (1/4)^2 / (3 * (1/4)^2) = 1/3
    half = stats.t.ppf(0.975, 1 / 3) * np.sqrt(0.25 / 4)
    assert (low, high) == (pytest.approx(0.75 - half), pytest.approx(0.75 + half))


def test_where_all_seeds_agree_on_the_items_only_the_items_vary() -> None:
    items = np.array([1, -1, 0, 0, 1, 1, 0, -1, 1, 0])
    found = crossed_interval(*sides(np.tile(items, (6, 1))))
    alone = stats.t.interval(0.95, 9, items.mean(), items.std(ddof=1) / np.sqrt(10))
    assert found == (pytest.approx(alone[0]), pytest.approx(alone[1]))


def test_equal_sides_leave_the_doubt_of_few_items_and_one_seed_or_item_leaves_no_interval() -> None:
    same = np.zeros((3, 4), dtype=bool)
    most = stats.binomtest(0, 4).proportion_ci(0.9, method="exact").high  # one-sided, 95 %
    assert crossed_interval(same, same) == pytest.approx((-most, most))
    assert crossed_interval(same[:1], same[:1]) is None
    assert crossed_interval(same[:, :1], same[:, :1]) is None


def test_sides_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(3, 5\)"):
        crossed_interval(np.zeros((3, 4), dtype=bool), np.zeros((3, 5), dtype=bool))


def test_it_covers_the_true_difference_where_seeds_alone_do_not() -> None:
    generator = np.random.default_rng(5)
    true, seeds, items, tries = 0.06, 10, 80, 400
    crossed = alone = 0
    for _ in range(tries):
        # the chance that an item is won, and by how much a seed shifts it
        lean = np.clip(true + generator.normal(0, 0.25, items), -0.9, 0.9)
        shift = generator.normal(0, 0.03, (seeds, 1))
        draw = generator.random((seeds, items))
        chance = lean + shift
        differences = np.where(draw < abs(chance), np.sign(chance), 0).astype(np.int64)
        low, high = crossed_interval(*sides(differences)) or (0, 0)
        crossed += low <= true <= high
        rows = differences.mean(axis=1)
        low, high = stats.t.interval(0.95, seeds - 1, rows.mean(), rows.std(ddof=1) / np.sqrt(seeds))
        alone += low <= true <= high
    assert 0.92 <= crossed / tries <= 0.98
    assert alone / tries < 0.9
