from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report.synthetic import cell, make_record
from simulation import RUNS, most_wrong, quick_generator

from harness import verdicts
from harness.claims import Claim, Protocol, Selector
from harness.verdicts import evaluate

TEN = Protocol(tuning_repetitions=(100, 101), final_repetitions=tuple(range(10)), margin=0.005)
UNIFORM = Selector("torch", "full+stlr", 1.0)
LOWER = [replace(UNIFORM, decay=decay) for decay in (0.62, 2.6, 4.192)]
BOTH = Claim("b", "Both are better.", "superior", LOWER[0], UNIFORM, 0.0, also=((LOWER[1], UNIFORM),))
ALL = replace(BOTH, also=tuple((side, UNIFORM) for side in LOWER[1:]))
NOISE = (0.001, -0.001, 0.002, 0.0, -0.002, 0.001, 0.0, 0.002, -0.001, -0.002)


def records(*differences, noise=NOISE):
    """Final records of the uniform rate and of each lower side, whose errors differ by the difference plus noise."""
    found = [make_record(cell(decay=1.0, repetition=n), error=0.3) for n in range(10)]
    for side, difference in zip(LOWER, differences, strict=False):
        found += [
            make_record(cell(decay=side.decay, repetition=n), error=0.3 + difference + noise[n % len(noise)])
            for n in range(10)
        ]
    return found


def verdict(claim, found):
    (only,) = evaluate([claim], found, TEN)
    return only


@pytest.mark.parametrize(
    ("differences", "expected", "least"),
    [
        ((-0.02, -0.03), "held", -0.02),
        ((-0.03, -0.02), "held", -0.02),
        ((-0.02, 0.02), "failed", 0.02),
        ((0.02, -0.02), "failed", 0.02),
        ((-0.02, 0.001), "undecided", 0.001),
        ((-0.02, -0.001), "undecided", -0.001),
    ],
)
def test_all_contrasts_have_to_hold_and_one_that_is_excluded_fails_the_claim(differences, expected, least):
    found = verdict(BOTH, records(*differences))
    assert (found.outcome, found.n) == (expected, 10)
    assert found.difference == pytest.approx(least)


def test_of_contrasts_that_point_the_claims_way_the_least_certain_is_told():
    certain, wide = records(-0.004)[10:], records(0.0, -0.02, noise=[15 * value for value in NOISE])[20:]
    found = verdict(BOTH, [*records()[:10], *certain, *wide])
    assert found.difference == pytest.approx(-0.02)


def test_a_contrast_without_data_leaves_the_claim_without():
    assert verdict(BOTH, records(-0.02)).outcome == "no data"


def test_a_contrast_with_fewer_pairs_leaves_the_claim_undecided():
    found = verdict(BOTH, records(-0.02, -0.03)[:-1])
    assert (found.outcome, found.n) == ("undecided", 9)


def test_a_claim_of_one_contrast_may_stand_beside_it():
    both, one = evaluate([BOTH, replace(BOTH, name="o", also=())], records(-0.02, -0.02), TEN)
    assert both.p == pytest.approx(one.p)
    assert one.with_items is not None
    assert both.with_items == one.with_items


def test_what_excludes_an_advantage_in_one_contrast_is_adjusted_for_their_number():
    wide = [10 * value for value in NOISE]
    doubtful = records(0.012, noise=wide)  # t = 2.5, which excludes at 5 %, and does not at 5/3 %
    clear = records(0.0, -0.02, -0.02)[20:]
    assert verdict(replace(BOTH, also=()), doubtful).outcome == "failed"
    assert verdict(ALL, [*doubtful, *clear]).outcome == "undecided"


def test_a_contrast_that_points_the_other_way_has_no_p_value_that_helps_other_claims():
    other = replace(BOTH, name="o", also=())
    reversed_, one = evaluate([replace(BOTH, also=((LOWER[1], UNIFORM),)), other], records(-0.02, 0.02), TEN)
    assert reversed_.p == 1.0
    assert one.p == pytest.approx(2 * verdict(other, records(-0.02)).p)


def test_every_interval_has_to_lie_below_zero_not_that_of_the_told_contrast_alone(monkeypatch):
    """The two criteria are different tests: the contrast with the largest p need not have the highest interval."""
    judge = verdicts.paired_difference

    def wide(left, right):
        estimate = judge(left, right)
        return replace(estimate, interval=(-0.1, 0.01)) if estimate.mean < -0.025 else estimate

    monkeypatch.setattr(verdicts, "paired_difference", wide)
    found = verdict(BOTH, records(-0.02, -0.03))
    assert (found.outcome, found.difference) == ("undecided", pytest.approx(-0.02))


@pytest.mark.parametrize("margin", [0.0, 0.02])
def test_of_contrasts_that_fail_the_claim_one_that_excludes_it_is_told(margin):
    certain, wide = records(0.01), records(0.0, 0.02, noise=[40 * value for value in NOISE])[20:]
    found = verdict(replace(BOTH, margin=margin), [*certain, *wide])
    assert (found.outcome, found.contrast) == ("failed", 0)
    assert found.difference == pytest.approx(0.01)


RANKED = [replace(UNIFORM, decay=(1.0, 2.6), chosen_by=f"{which} test error") for which in ("lowest", "highest")]
FOLLOWERS = tuple(replace(side, implementation="fastai", chosen_with="torch") for side in RANKED)
RANKING = Claim("r", "Both rank them alike.", "superior", *RANKED, 0.0, also=(FOLLOWERS,))


def ranked(own, other):
    """Final records of both implementations, whose decay 2.6 differs from 1 by ``own`` and ``other``, by repetition."""
    return [
        make_record(cell("rt-1k", implementation, decay, repetition=n), error=0.3 + difference * (decay > 1))
        for implementation, differences in (("torch", own), ("fastai", other))
        for n, difference in enumerate(differences)
        for decay in (1.0, 2.6)
    ]


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [(-0.02, -0.02, "held"), (-0.02, 0.02, "failed"), (-0.001, 0.02, "undecided")],
)
def test_a_claim_cannot_fail_by_a_sign_that_the_records_chose_and_do_not_show(own, other, expected):
    sides = ([mean + 3 * noise for noise in NOISE] for mean in (own, other))
    assert verdict(RANKING, ranked(*sides)).outcome == expected


@pytest.mark.parametrize(
    ("own", "other", "wrong"),
    [(-0.001, -0.012, "failed"), (-0.02, 0.0, "held"), (0.0, 0.0, "held"), (-0.02, 0.0, "failed")],
)
def test_a_verdict_on_a_ranking_is_wrong_at_most_one_time_in_twenty(monkeypatch, own, other, wrong):
    generator = quick_generator(monkeypatch)
    found = 0
    for _ in range(RUNS):
        spread = generator.normal(0, 0.008, (2, 10))
        found += verdict(RANKING, ranked(own + spread[0], other + spread[1])).outcome == wrong
    assert found <= most_wrong(wrong)


NEAR = Claim(
    "n",
    "None is better by the margin.",
    "not inferior",
    UNIFORM,
    LOWER[0],
    0.005,
    also=tuple((UNIFORM, side) for side in LOWER[1:]),
)


@pytest.mark.parametrize(
    ("differences", "expected", "told"),
    [
        ((0.0, 0.02, -0.001), "held", 0.001),
        ((0.0, -0.02, 0.02), "failed", 0.02),
        ((0.0, -0.006, 0.02), "undecided", 0.006),
        ((0.0, -0.004, -0.005), "undecided", 0.005),
    ],
)
def test_one_that_is_not_inferior_to_any_other_has_to_be_so_to_each(differences, expected, told):
    """Those differences are of the others, so that what is told is turned around."""
    found = verdict(NEAR, records(*differences))
    assert (found.outcome, found.difference) == (expected, pytest.approx(told))
    assert found.deciding is None


def test_of_contrasts_none_of_which_fails_the_claim_the_least_certain_is_told():
    """Not the one with the highest interval, as it would be were an advantage of more than nothing a failure."""
    wide = [15 * value for value in NOISE]
    found = verdict(NEAR, [*records(-0.002)[:20], *records(0.0, 0.0, noise=wide)[20:], *records(0.0, 0.0, 0.02)[30:]])
    assert (found.outcome, found.difference) == ("undecided", pytest.approx(0.0))


@pytest.mark.parametrize(
    ("claim", "differences", "wrong"),
    [
        (NEAR, (-0.005, 0.05, 0.05), "held"),
        (NEAR, (-0.005, -0.005, -0.005), "failed"),
        (ALL, (0.0, -0.05, -0.05), "held"),
        (replace(ALL, margin=0.005), (-0.005, -0.005, -0.005), "failed"),
    ],
)
def test_a_verdict_on_several_contrasts_is_wrong_at_most_one_time_in_twenty(monkeypatch, claim, differences, wrong):
    generator = quick_generator(monkeypatch)
    found = 0
    for _ in range(RUNS):
        errors = 0.3 + np.array([0.0, *differences])[:, None] + generator.normal(0, 0.006, (4, 10))
        found += verdict(claim, of_errors(errors)).outcome == wrong
    assert found <= most_wrong(wrong)


def of_errors(errors):
    """Final records from errors by side, the uniform one first, and by repetition."""
    return [
        make_record(cell(decay=side.decay, repetition=n), error=error)
        for side, row in zip((UNIFORM, *LOWER), errors, strict=True)
        for n, error in enumerate(row)
    ]


def test_of_several_contrasts_equivalence_cannot_be_claimed():
    with pytest.raises(ValueError, match=r"claim b: equivalence"):
        replace(BOTH, kind="equivalent")
