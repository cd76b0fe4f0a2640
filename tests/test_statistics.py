from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import statistics
from harness.statistics import (
    area_under_error,
    equivalence,
    expanded_level,
    holm,
    mean_interval,
    non_inferiority,
    paired_difference,
    prediction_interval,
    probability_of_improvement,
    smallest_sign_flip_p,
)

ERRORS = st.lists(st.integers(0, 1000).map(lambda wrong: wrong / 1000), min_size=2, max_size=6)
FEW = settings(max_examples=15, derandomize=True, deadline=None)


def test_five_pairs_that_all_favour_one_side_have_the_exact_p_of_two_in_thirty_two():
    found = paired_difference([0.10, 0.12, 0.11, 0.13, 0.10], [0.15, 0.16, 0.13, 0.19, 0.11])
    assert found.p == pytest.approx(2 / 32)
    assert found.mean == pytest.approx(-0.036)
    assert found.n == 5


def test_one_small_reversal_counts_the_sign_patterns_that_are_as_extreme():
    # differences 4, 3, 2, -1: sums of at least 8 arise from (4, 3, 2, -1) and (4, 3, 2, +1): p = 2 * 2 / 16
    assert paired_difference([4, 3, 2, 0], [0, 0, 0, 1]).p == pytest.approx(0.25)


def test_the_bootstrap_interval_lies_between_the_extreme_differences_and_holds_the_mean():
    found = paired_difference([0.1, 0.2, 0.4, 0.1], [0.0, 0.0, 0.0, 0.0])
    assert found.interval is not None
    assert 0.1 <= found.interval[0] < found.mean < found.interval[1] <= 0.4


def test_the_bootstrap_interval_of_a_skewed_sample_leans_to_the_long_side():
    found = paired_difference([0.0] * 19 + [1.0], np.zeros(20))
    assert found.interval is not None
    assert found.interval[1] - found.mean > 2 * (found.mean - found.interval[0])


def test_equal_differences_collapse_the_interval():
    found = paired_difference([0.3, 0.2, 0.1], [0.2, 0.1, 0.0])
    assert found.interval == (pytest.approx(0.1), pytest.approx(0.1))


def test_identical_sides_are_no_evidence():
    found = paired_difference([0.3, 0.2, 0.1], [0.3, 0.2, 0.1])
    assert (found.mean, found.interval, found.p) == (0, (0, 0), 1)


def test_a_single_pair_has_no_interval_and_no_evidence():
    found = paired_difference([0.3], [0.1])
    assert (found.interval, found.p, found.n) == (None, 1.0, 1)


@FEW
@given(ERRORS, st.data())
def test_swapping_the_sides_changes_the_sign_and_not_the_evidence(left, data):
    right = data.draw(st.lists(st.integers(0, 1000).map(lambda w: w / 1000), min_size=len(left), max_size=len(left)))
    one, other = paired_difference(left, right), paired_difference(right, left)
    assert one.mean == pytest.approx(-other.mean)
    assert one.p == pytest.approx(other.p)
    assert paired_difference(left, right) == one


@FEW
@given(ERRORS)
def test_no_p_value_is_below_the_smallest_that_the_signs_allow(left):
    found = paired_difference(left, np.zeros(len(left)))
    assert found.p >= smallest_sign_flip_p(len(left)) - 1e-12


def test_the_t_interval_matches_the_tabulated_quantile():
    # mean 3, s = sqrt(2.5), t(0.975; 4) = 2.776445
    half = 2.776445 * math.sqrt(2.5 / 5)
    assert mean_interval([1, 2, 3, 4, 5]) == (pytest.approx(3 - half, abs=1e-5), pytest.approx(3 + half, abs=1e-5))
    assert mean_interval([1]) is None


def test_the_prediction_interval_matches_the_tabulated_quantile():
    # t(0.995; 4) = 4.604095; one new observation, then the mean of five
    low, high = prediction_interval([1, 2, 3, 4, 5])
    assert high - 3 == pytest.approx(4.604095 * math.sqrt(2.5 * (1 / 5 + 1)), abs=1e-5)
    assert 3 - low == pytest.approx(high - 3)
    assert prediction_interval([1, 2, 3, 4, 5], new=5)[1] - 3 == pytest.approx(4.604095, abs=1e-5)


@pytest.mark.parametrize(("level", "new"), [(0.99, 1), (0.9, 3)])
def test_the_prediction_interval_covers_new_means_as_often_as_it_says(level, new):
    generator = np.random.default_rng(5)
    runs = 3000
    samples, fresh = generator.normal(0.2, 0.01, (runs, 5)), generator.normal(0.2, 0.01, (runs, new)).mean(axis=1)
    intervals = np.array([prediction_interval(sample, level, new) for sample in samples])
    coverage = np.mean((intervals[:, 0] <= fresh) & (fresh <= intervals[:, 1]))
    assert coverage == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / runs))


def test_a_prediction_needs_a_spread():
    with pytest.raises(ValueError, match="at least 2 values, got 1"):
        prediction_interval([0.1])
    with pytest.raises(ValueError, match="new=0"):
        prediction_interval([0.1, 0.2], new=0)


@pytest.mark.parametrize("margin", [0.9, 1.0, 1.3, 1.9, 2.4, 3.0])
def test_equivalence_at_five_percent_is_the_ninety_percent_interval_within_the_margin(margin):
    a, b = np.array([0.0, 1.0, 2.0, 1.0, 0.5]), np.zeros(5)
    interval = mean_interval(a - b, 0.90)
    assert interval is not None
    assert (equivalence(a, b, margin) <= 0.05) == (-margin < interval[0] and interval[1] < margin)


@pytest.mark.parametrize("margin", [0.001, 0.004, 0.006, 0.02])
def test_non_inferiority_at_five_percent_is_the_ninety_percent_interval_below_the_margin(margin):
    a = [0.203, 0.211, 0.198, 0.207, 0.201]
    b = [0.2, 0.2, 0.2, 0.2, 0.2]
    interval = mean_interval([x - y for x, y in zip(a, b, strict=True)], 0.9)
    assert (non_inferiority(a, b, margin) <= 0.05) == (interval[1] < margin)
    assert non_inferiority(b, a, margin) <= 0.05  # lower by any amount is not inferior


def test_non_inferiority_of_constant_differences_and_of_one_pair():
    assert non_inferiority([0.2, 0.3], [0.1, 0.2], 0.2) == 0
    assert non_inferiority([0.2, 0.3], [0.1, 0.2], 0.05) == 1
    assert non_inferiority([0.1], [0.2], 0.05) == 1
    with pytest.raises(ValueError, match="positive"):
        non_inferiority([0.1], [0.1], 0)


def test_equivalence_of_constant_differences_is_decided_by_the_margin():
    assert equivalence([0.2, 0.3], [0.1, 0.2], 0.2) == 0
    assert equivalence([0.2, 0.3], [0.1, 0.2], 0.05) == 1
    assert equivalence([0.2], [0.2], 0.05) == 1


def test_holm_multiplies_in_order_and_never_decreases():
    # 0.01 * 3; max(0.03, 0.02 * 2); max(0.04, 0.03 * 1)
    assert holm([0.03, 0.01, 0.02]) == pytest.approx((0.04, 0.03, 0.04))
    assert holm([]) == ()


def test_bad_values_are_refused_with_their_reason():
    with pytest.raises(ValueError, match="as many on both sides, got 2 and 1"):
        paired_difference([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="finite"):
        paired_difference([math.nan], [0.1])
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])
    with pytest.raises(ValueError, match="must be positive"):
        equivalence([0.1], [0.1], 0)


def test_the_probability_of_improvement_counts_pairs_won_and_half_the_ties():
    # of the six pairs 0.1 wins three; 0.3 ties with one, wins one and loses one
    assert probability_of_improvement([0.1, 0.3], [0.2, 0.3, 0.4]) == pytest.approx((3 + 1.5) / 6)
    assert probability_of_improvement([0.2], [0.2]) == 0.5


@FEW
@given(ERRORS, ERRORS)
def test_one_side_improves_as_often_as_the_other_gets_worse(left, right):
    there, back = probability_of_improvement(left, right), probability_of_improvement(right, left)
    assert there + back == pytest.approx(1)


def test_the_area_under_error_weighs_each_rate_by_its_share_of_the_log_axis():
    # between 1 and 10 the mean is 0.3, between 10 and 1000, twice as far, 0.5
    assert area_under_error([1000, 1, 10], [0.6, 0.2, 0.4]) == pytest.approx((0.3 + 2 * 0.5) / 3)


@pytest.mark.parametrize(("rates", "errors"), [([1], [0.2]), ([1, -1], [0.2, 0.2]), ([1, 2], [0.2]), ([2, 2], [0, 1])])
def test_an_area_needs_two_positive_rates(rates, errors):
    with pytest.raises(ValueError, match="two or more positive rates"):
        area_under_error(rates, errors)


@pytest.mark.parametrize(
    ("draw", "mean", "least"),
    [
        (lambda generator: generator.normal(0.01, 0.02, 10), 0.01, 0.92),  # without expansion it covers 0.90
        (lambda generator: generator.exponential(0.02, 10), 0.02, 0.90),  # and 0.87
    ],
    ids=["normal", "skewed"],
)
def test_the_bootstrap_interval_of_ten_pairs_covers_the_mean_about_as_often_as_it_says(monkeypatch, draw, mean, least):
    monkeypatch.setattr(statistics, "RESAMPLES", 1999)
    generator = np.random.default_rng(11)
    found = [paired_difference(draw(generator), np.zeros(10)).interval for _ in range(1000)]
    coverage = np.mean([interval is not None and interval[0] <= mean <= interval[1] for interval in found])
    assert least <= coverage <= 0.97


def test_the_expanded_level_has_the_normal_quantile_that_makes_up_for_few_values():
    # t(0.975; 9) = 2.262157; times sqrt(10 / 9) = 2.384523, of which a normal variable exceeds 0.00855
    assert expanded_level(10) == pytest.approx(1 - 2 * 0.00855, abs=1e-5)
    assert expanded_level(10_000) == pytest.approx(0.95, abs=1e-4)
    interval = paired_difference([0.2, 0.3], [0.1, 0.1]).interval
    assert interval == (pytest.approx(0.1), pytest.approx(0.2))


def test_under_the_null_a_paired_difference_is_significant_at_most_one_time_in_twenty():
    generator = np.random.default_rng(7)
    found = [paired_difference(generator.normal(0.3, 0.02, 8), generator.normal(0.3, 0.02, 8)).p for _ in range(400)]
    assert np.mean(np.array(found) <= 0.05) <= 0.07


def test_a_difference_that_is_rounding_alone_is_none():
    left, right = [0.0, 0.3, 0.0], [0.2, 0.0, 0.1]
    assert sum(a - b for a, b in zip(left, right, strict=True)) != 0
    assert str(paired_difference(left, right).mean) == "0.0"


# The differences of two error rates over 500 items, in items, on top of errors that change nothing but the rounding.
IN_ITEMS = np.array([2, -3, -4, 2, -3, -4, -4, -3, -4, -1])


@pytest.mark.parametrize(
    "base", [[100] * 10, [80, 63, 87, 66, 95, 71, 60, 88, 92, 77], [89, 85, 70, 64, 91, 83, 62, 75, 99, 68]]
)
def test_a_bound_at_zero_is_zero_whatever_errors_the_difference_is_of(base):
    right = np.array(base)
    found = paired_difference((right + IN_ITEMS) / 500, right / 500)
    assert found.interval is not None
    assert found.interval[1] == 0


@pytest.mark.parametrize("seed", range(5))
def test_sign_patterns_with_the_same_sum_are_as_extreme_whatever_errors_the_difference_is_of(seed):
    # One +1, one 0 and eight -1: a sum of at least 7 in size has 9 of 9 signs alike, or 8 of 9, twice, of 2**9.
    items = np.array([-1, 1, -1, -1, -1, -1, -1, -1, 0, -1])
    right = np.random.default_rng(seed).integers(500, 1500, 10)
    assert paired_difference((right + items) / 5000, right / 5000).p == pytest.approx(2 * (1 + 9) / 2**9)


def test_equal_sides_that_were_computed_in_two_ways_are_no_evidence():
    wrong = np.array([37, 41, 29, 53, 47, 61, 33, 39, 57, 43])
    one, other = wrong / 500, 1 - (500 - wrong) / 500
    assert (one != other).any()
    found = paired_difference(one, other)
    assert (found.mean, found.interval, found.p) == (0, (0, 0), 1)
    assert probability_of_improvement(one, other) == probability_of_improvement(one, one) == 0.5


@pytest.mark.parametrize("right", [0.0, 0.1, 0.2, 0.3, 0.4, 0.6])
def test_a_constant_difference_of_the_margin_is_not_within_it_nor_beyond(right):
    left = [right + 0.005] * 10
    assert non_inferiority(left, [right] * 10, 0.005) == 1
    assert mean_interval(np.array(left) - right) == (0.005, 0.005)
