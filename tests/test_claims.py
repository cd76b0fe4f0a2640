from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import cell, make_record
from simulation import RUNS, most_wrong, quick_generator

from harness.claims import (
    Claim,
    Family,
    Protocol,
    Selector,
    chosen_rates,
    final_records,
)
from harness.statistics import holm
from harness.verdicts import evaluate
from study.claims import CLAIMS
from study.protocol import PROTOCOL

TEN = Protocol(tuning_repetitions=(100, 101), final_repetitions=tuple(range(10)), margin=0.005)
FAMILY = Family("rt-1k", "mini", "torch", "full+stlr", 2.6)
LEFT, RIGHT = Selector("torch", "full+stlr", 2.6), Selector("torch", "full+stlr", 1.0)
SUPERIOR = Claim("s", "Left is better.", "superior", LEFT, RIGHT, 0.005)
EQUIVALENT = Claim("e", "Both are the same.", "equivalent", LEFT, RIGHT, 0.005)
NOT_INFERIOR = Claim("n", "Left is not worse.", "not inferior", LEFT, RIGHT, 0.005)
NOISE = (0.001, -0.001, 0.002, 0.0, -0.002, 0.001, 0.0, 0.002, -0.001, -0.002)


def tuning(errors, decay=2.6):
    """Tuning records from {rate: (error of repetition 100, of 101)}."""
    return [
        make_record(cell(decay=decay, rate=rate, repetition=100 + k), error=error)
        for rate, pair in errors.items()
        for k, error in enumerate(pair)
    ]


def contrast(difference, noise=NOISE, name="rt-1k", repetitions=10):
    """Final records of decay 2.6 and 1 that differ by ``difference`` plus noise."""
    records = []
    for n in range(repetitions):
        records.append(make_record(cell(name, decay=1.0, repetition=n), error=0.2))
        records.append(make_record(cell(name, repetition=n), error=0.2 + difference + noise[n % len(noise)]))
    return records


def outcome(claim, records, protocol=TEN):
    (verdict,) = evaluate([claim], records, protocol)
    return verdict.outcome


def test_a_claim_about_one_recipe_is_not_judged_on_another():
    assert outcome(replace(SUPERIOR, places=(("rt-1k", "mini"),)), contrast(-0.02)) == "held"
    assert outcome(replace(SUPERIOR, places=(("rt-1k", "compact"),)), contrast(-0.02)) == "no data"


def test_the_rate_with_the_lowest_mean_validation_error_is_chosen():
    records = tuning({0.004: (0.2, 0.4), 0.008: (0.28, 0.28), 0.016: (0.3, 0.3)})
    assert chosen_rates(records, TEN) == {FAMILY: 0.008}


def test_a_tie_goes_to_the_lower_rate_whatever_the_order_of_the_records():
    records = tuning({0.016: (0.2, 0.3), 0.004: (0.3, 0.2)})
    assert chosen_rates(records, TEN) == chosen_rates(reversed(records), TEN) == {FAMILY: 0.004}


def test_sums_that_differ_by_rounding_alone_are_a_tie():
    assert 0.1 + 0.2 > 0.15 + 0.15
    assert chosen_rates(tuning({0.004: (0.1, 0.2), 0.008: (0.15, 0.15)}), TEN) == {FAMILY: 0.004}


def test_a_rate_without_all_tuning_repetitions_does_not_count():
    assert chosen_rates(tuning({0.004: (0.1,), 0.008: (0.3, 0.3)}), TEN) == {FAMILY: 0.008}
    assert chosen_rates(tuning({0.004: (0.1,)}), TEN) == {}


def test_the_choice_does_not_look_at_the_test_error_or_at_the_final_repetitions():
    records = tuning({0.004: (0.2, 0.2), 0.008: (0.3, 0.3)})
    peeking = [
        replace(r, result=replace(r.result, test=replace(r.result.test, error=1.0 - r.result.test.error)))
        for r in records
    ]
    finals = [make_record(cell(rate=0.008, repetition=0), error=0.0)]
    assert chosen_rates([*peeking, *finals], TEN) == {FAMILY: 0.004}


def test_a_family_without_tuning_takes_its_only_rate_and_several_leave_the_choice_open():
    one = make_record(cell(rate=0.008))
    assert chosen_rates([one], TEN) == {FAMILY: 0.008}
    assert chosen_rates([one, make_record(cell(rate=0.004))], TEN) == {}


def test_only_final_repetitions_at_the_chosen_rate_are_reported():
    kept = make_record(cell(rate=0.004, repetition=1))
    other = [make_record(cell(rate=0.008, repetition=1)), make_record(cell(rate=0.004, repetition=77))]
    records = [*tuning({0.004: (0.2, 0.2), 0.008: (0.3, 0.3)}), kept, *other]
    assert final_records(records, TEN) == {FAMILY: {1: kept}}


def test_a_cell_with_two_records_is_an_error():
    with pytest.raises(ValueError, match=r"seed-0: two records"):
        final_records([make_record(), make_record()], TEN)


@pytest.mark.parametrize(
    ("claim", "difference", "expected"),
    [
        (SUPERIOR, -0.02, "held"),
        (SUPERIOR, 0.02, "failed"),
        (SUPERIOR, 0.0, "failed"),  # an advantage of the margin is excluded
        (EQUIVALENT, 0.0, "held"),
        (EQUIVALENT, -0.02, "failed"),
        (EQUIVALENT, 0.02, "failed"),
        (EQUIVALENT, 0.005, "undecided"),
    ],
)
def test_a_clear_difference_decides(claim, difference, expected):
    assert outcome(claim, contrast(difference)) == expected


@pytest.mark.parametrize("claim", [SUPERIOR, EQUIVALENT])
def test_a_wide_spread_leaves_a_claim_undecided(claim):
    assert outcome(claim, contrast(-0.004, [20 * value for value in NOISE])) == "undecided"


@pytest.mark.parametrize(("claim", "difference"), [(SUPERIOR, -0.02), (EQUIVALENT, 0.0)])
def test_fewer_pairs_than_planned_leave_a_claim_undecided(claim, difference):
    (verdict,) = evaluate([claim], contrast(difference, repetitions=9), TEN)
    assert (verdict.outcome, verdict.n) == ("undecided", 9)


def test_five_pairs_cannot_hold_a_claim_of_superiority():
    five = replace(TEN, final_repetitions=tuple(range(5)))
    assert outcome(SUPERIOR, contrast(-0.02, repetitions=5), five) == "undecided"


def test_a_claim_without_either_side_has_no_data():
    (verdict,) = evaluate([SUPERIOR], [make_record()], TEN)
    assert (verdict.outcome, verdict.difference, verdict.p, verdict.n) == ("no data", None, None, 0)


def test_p_values_of_superiority_are_adjusted_over_all_datasets():
    records = [*contrast(-0.02), *contrast(-0.02, name="trec6")]
    one, two = evaluate([SUPERIOR], records, TEN)
    (alone,) = evaluate([SUPERIOR], contrast(-0.02), TEN)
    assert (one.dataset, two.dataset) == ("rt-1k", "trec6")
    assert one.p == pytest.approx(2 * (alone.p or 0))
    assert one.p == pytest.approx(two.p)


def test_p_values_of_all_rules_of_a_question_are_adjusted_together():
    separate = [evaluate([claim], contrast(0.001), TEN)[0].p or 0 for claim in (EQUIVALENT, NOT_INFERIOR)]
    together = [verdict.p for verdict in evaluate([EQUIVALENT, NOT_INFERIOR], contrast(0.001), TEN)]
    assert together == pytest.approx(holm(separate))
    assert together != pytest.approx(separate)
    others = [replace(EQUIVALENT, question="another"), NOT_INFERIOR]
    assert [verdict.p for verdict in evaluate(others, contrast(0.001), TEN)] == pytest.approx(separate)


@pytest.mark.parametrize(
    ("claim", "truth", "outcome"),
    [
        (SUPERIOR, 0.0, "held"),
        (SUPERIOR, -0.005, "failed"),
        (EQUIVALENT, 0.005, "held"),
        (EQUIVALENT, -0.005, "failed"),
        (NOT_INFERIOR, 0.005, "held"),
        (NOT_INFERIOR, 0.005, "failed"),
    ],
)
def test_a_verdict_is_wrong_at_most_one_time_in_twenty_over_the_data_sets_of_a_question(
    monkeypatch, claim, truth, outcome
):
    generator = quick_generator(monkeypatch, seed=3)
    names = ("rt-1k", "trec6") if outcome == "held" else ("rt-1k",)
    wrong = 0
    for _ in range(RUNS):
        spread = generator.normal(0, 0.008, (len(names), 10))
        records = [
            record for name, noise in zip(names, spread, strict=True) for record in contrast(truth, noise, name=name)
        ]
        wrong += any(verdict.outcome == outcome for verdict in evaluate([claim], records, TEN))
    assert wrong <= most_wrong(outcome)


def test_the_adjustment_can_take_a_verdict_away():
    eight = replace(TEN, final_repetitions=tuple(range(8)))  # p = 2/256; times 8 datasets: 0.0625
    names = [f"set-{letter}" for letter in "abcdefgh"]
    records = [record for name in names for record in contrast(-0.02, name=name, repetitions=8)]
    assert outcome(SUPERIOR, contrast(-0.02, repetitions=8), eight) == "held"
    assert {verdict.outcome for verdict in evaluate([SUPERIOR], records, eight)} == {"undecided"}


def test_pairs_are_made_by_repetition_and_not_by_position():
    level = (0.1, 0.2, 0.3, 0.4, 0.5, 0.15, 0.25, 0.35, 0.45, 0.05)
    uniform = [make_record(cell(decay=1.0, repetition=n), error=level[n]) for n in range(10)]
    discriminative = [make_record(cell(repetition=n), error=level[n] - 0.02 + NOISE[n]) for n in reversed(range(10))]
    assert outcome(SUPERIOR, [*uniform, *discriminative]) == "held"


def test_the_studys_protocol_chooses_and_reports_on_different_seeds():
    assert not set(PROTOCOL.tuning_repetitions) & set(PROTOCOL.final_repetitions)


def test_the_studys_claims_have_distinct_names():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)


def test_sides_tuned_on_unequal_grids_are_not_compared():
    full, short = {0.004: (0.4, 0.4), 0.008: (0.2, 0.2)}, {0.008: (0.2, 0.2)}
    equal = [*contrast(-0.02), *tuning(full), *tuning(full, decay=1.0)]
    assert outcome(SUPERIOR, equal) == "held"
    assert outcome(SUPERIOR, [*contrast(-0.02), *tuning(full), *tuning(short, decay=1.0)]) == "no data"


def test_claims_without_data_count_in_the_family_of_tests():
    (alone,) = evaluate([SUPERIOR], contrast(-0.02), TEN)
    others = [replace(SUPERIOR, name=f"s{n}", right=replace(RIGHT, decay=float(n + 3))) for n in range(4)]
    judged = evaluate([SUPERIOR, *others], contrast(-0.02), TEN)
    assert [verdict.outcome for verdict in judged[1:]] == ["no data"] * 4
    assert alone.p is not None
    assert judged[0].p == pytest.approx(5 * alone.p)


def test_an_undecided_verdict_says_how_many_pairs_would_decide_and_a_decided_one_does_not():
    wide = contrast(-0.004, [5 * value for value in NOISE])
    (open_one,) = evaluate([SUPERIOR], wide, TEN)
    assert open_one.outcome == "undecided"
    # the spread over pairs is 5 * sd(NOISE) = 0.0077, an effect of 0.52: Cohen's tables say about 31 to 34 pairs
    assert 25 <= open_one.deciding.pairs <= 40
    assert open_one.deciding.outcome == "held"
    (closed,) = evaluate([SUPERIOR], contrast(-0.02), TEN)
    assert (closed.outcome, closed.deciding) == ("held", None)


def test_what_would_decide_is_more_than_there_is_and_no_fewer_than_the_test_can_tell():
    differences = [-0.014, -0.009, -0.005, -0.016, -0.002, 0.003, -0.007, -0.019, -0.006, -0.008]
    (alone,) = evaluate([replace(SUPERIOR, margin=0.0)], contrast(0, differences), TEN)
    others = [replace(SUPERIOR, name=f"s{n}", right=replace(RIGHT, decay=float(n + 3))) for n in range(21)]
    (first, *_) = evaluate([SUPERIOR, *others], contrast(0, differences), TEN)
    assert (alone.outcome, first.outcome) == ("held", "undecided")
    assert first.deciding is not None
    assert first.deciding.pairs == 15  # at 0.05 / 22; 8 at 0.05
    three = replace(TEN, final_repetitions=(0, 1, 2))
    (few,) = evaluate([SUPERIOR], contrast(-0.2, [0.001, 0.0, -0.001], repetitions=3), three)
    assert few.deciding is not None
    assert few.deciding.pairs == 6  # 2 of 2**6 signs
    (few,) = evaluate([SUPERIOR], contrast(-0.2, [0.001, 0.0, -0.001], repetitions=3), TEN)
    assert few.deciding is not None
    assert few.deciding.pairs == 10  # with fewer than planned nothing is decided


def test_a_claim_against_the_best_decay_has_no_data_where_that_is_its_own():
    best = replace(RIGHT, decay=(1.0, 2.6))
    claim = replace(NOT_INFERIOR, right=best)
    assert outcome(claim, contrast(-0.02)) == "no data"
    assert outcome(claim, contrast(0.02)) == "failed"
    assert outcome(replace(claim, left=replace(LEFT, measure="validation error")), contrast(-0.02)) == "held"


def test_what_would_decide_equivalence_depends_on_where_the_mean_lies():
    inside, outside, edge = (
        evaluate([EQUIVALENT], contrast(mean, [4 * value for value in NOISE]), TEN)[0] for mean in (0.002, 0.009, 0.005)
    )
    assert {verdict.outcome for verdict in (inside, outside, edge)} == {"undecided"}
    assert 10 < inside.deciding.pairs < 60
    assert 10 < outside.deciding.pairs < 60
    assert (inside.deciding.outcome, outside.deciding.outcome) == ("held", "failed")
    assert edge.deciding is None


def test_the_interval_with_items_is_never_narrower_than_that_of_seeds_alone():
    (verdict,) = evaluate([SUPERIOR], contrast(-0.02), TEN)
    assert verdict.with_items is not None
    assert verdict.interval is not None
    assert verdict.with_items[0] < verdict.interval[0]
    assert verdict.interval[1] < verdict.with_items[1]


def test_implementations_may_differ_in_level_and_agree_on_an_effect():
    theirs = [
        make_record(cell(decay=decay, repetition=n, implementation="fastai"), error=error + NOISE[n])
        for n in range(10)
        for decay, error in ((1.0, 0.30), (2.6, 0.32))
    ]
    level = replace(EQUIVALENT, right=replace(LEFT, implementation="fastai"))
    effect = Claim(
        "effect",
        "…",
        "equivalent",
        replace(LEFT, less=RIGHT),
        replace(LEFT, implementation="fastai", less=replace(RIGHT, implementation="fastai")),
        0.005,
    )
    apart, (same,) = outcome(level, [*contrast(0.02), *theirs]), evaluate([effect], [*contrast(0.02), *theirs], TEN)
    assert (apart, same.outcome) == ("failed", "held")
    assert same.difference == pytest.approx(0.0, abs=1e-3)
    assert same.with_items is None  # an effect is not an error on test items
    assert outcome(effect, [*contrast(0.0), *theirs]) == "failed"
