"""What a side of a claim reads: the rate, the decay, the data set and the measure that it names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report.synthetic import GROUPS, ITEMS, RECIPE, cell, make_record

from harness.claims import Claim, ClaimsError, Protocol, Selector, families, without_unread
from harness.probabilities import pack_probabilities
from harness.sides import gather, values_of
from harness.specification import cell_id
from harness.verdicts import evaluate

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=tuple(range(4)), margin=0.005)
RATES = (0.004, 0.008)
PLACE = ("rt-1k", "mini")
SIDE = Selector("torch", "full+stlr", 2.6)


def tuned(best, arm="full+stlr", decay=2.6, rates=RATES, name="rt-1k"):
    """Tuning records that choose ``best`` of the rates."""
    return [
        make_record(
            cell(name, arm=arm, decay=decay, rate=rate, repetition=repetition), error=0.1 if rate == best else 0.3
        )
        for rate in rates
        for repetition in PROTOCOL.tuning_repetitions
    ]


def finals(errors, arm="full+stlr", decay=2.6, rate=0.008, name="rt-1k"):
    return [
        make_record(cell(name, arm=arm, decay=decay, rate=rate, repetition=n), error=error)
        for n, error in enumerate(errors)
    ]


def read(selector, records, place=PLACE):
    return values_of(selector, place, gather(records, PROTOCOL), PROTOCOL)


def test_a_side_reads_the_tuned_rate_unless_it_names_one():
    records = [*tuned(0.008), *finals([0.2, 0.21]), *finals([0.4, 0.41], rate=0.004)]
    assert read(SIDE, records) == {0: 0.2, 1: 0.21}
    assert read(replace(SIDE, rate=0.004), records) == {0: 0.4, 1: 0.41}
    assert read(replace(SIDE, rate=0.016), records) == {}


def test_a_rate_may_be_the_one_that_another_arm_chose():
    records = [*tuned(0.008), *tuned(0.004, arm="last", decay=1.0), *finals([0.2]), *finals([0.4], rate=0.004)]
    assert read(replace(SIDE, rate="last"), records) == {0: 0.4}
    assert read(replace(SIDE, rate="chain-thaw"), records) == {}


def test_a_rate_that_two_ways_to_choose_it_agree_on_gives_no_verdict():
    records = [*tuned(0.008), *tuned(0.004, arm="last", decay=1.0), *finals([0.2] * 4), *finals([0.4] * 4, rate=0.004)]
    claim = Claim("c", "Both choose as well.", "not inferior", replace(SIDE, rate="last"), SIDE, 0.005)
    assert [verdict.outcome for verdict in evaluate([claim], records, PROTOCOL)] == ["failed"]
    records = [*tuned(0.008), *tuned(0.008, arm="last", decay=1.0), *finals([0.2] * 4)]
    assert [verdict.outcome for verdict in evaluate([claim], records, PROTOCOL)] == ["no data"]


def test_a_side_may_be_of_another_data_set():
    records = [*finals([0.2]), *finals([0.5], name="trec6")]
    assert read(replace(SIDE, dataset="trec6"), records) == {0: 0.5}


def test_a_side_may_be_an_effect_in_the_repetitions_that_both_arms_have():
    records = [*finals([0.2, 0.25, 0.5]), *finals([0.3, 0.3], decay=1.0)]
    effect = replace(SIDE, less=replace(SIDE, decay=1.0))
    assert read(effect, records) == pytest.approx({0: -0.1, 1: -0.05})
    assert read(effect, finals([0.2])) == {}


def predicting(records, packed, recipe):
    """The records in another recipe, with predicted probabilities."""
    changed = (replace(r, specification=replace(r.specification, recipe=replace(RECIPE, name=recipe))) for r in records)
    return [
        replace(r, cell=cell_id(r.specification), probabilities=text) for r, text in zip(changed, packed, strict=True)
    ]


LABELS = np.arange(ITEMS) % 2
FIRST = np.where((np.arange(ITEMS) % 10 < 3)[:, None] ^ (np.arange(2) == LABELS[:, None]), 2.0, 0.0)  # 3 of 10 wrong
SECOND = np.where((np.arange(ITEMS) % 10 > 7)[:, None] ^ (np.arange(2) == LABELS[:, None]), 1.0, 0.0)  # 2 others


def packed(logits):
    return pack_probabilities(logits.astype(np.float32), LABELS)


def test_a_side_of_both_directions_averages_what_they_predict_in_the_repetitions_that_both_have():
    forward = predicting(finals([0.3] * 3), [packed(FIRST), packed(SECOND), packed(FIRST)], "mini")
    backward = predicting(finals([0.2] * 2), [packed(SECOND), packed(FIRST)], "mini-backward")
    both = replace(SIDE, direction="both")
    # Where the two differ the surer one decides, which is FIRST, whatever its direction: it is wrong where it was.
    assert read(both, [*forward, *backward]) == pytest.approx({0: 0.3, 1: 0.3})
    assert read(replace(SIDE, direction="backward"), [*forward, *backward]) == {0: 0.2, 1: 0.2}
    assert read(both, forward) == {}
    assert read(both, [*forward, replace(backward[0], probabilities=None), backward[1]]) == pytest.approx({1: 0.3})


def test_a_verdict_on_both_directions_has_an_interval_over_items_too():
    forward = predicting(finals([0.3] * 4), [packed(FIRST)] * 4, "mini")
    backward = predicting(finals([0.2] * 4), [packed(SECOND)] * 4, "mini-backward")
    both = replace(SIDE, direction="both")
    claim = Claim("c", "s.", "superior", both, replace(SIDE, direction="backward"), 0.005, places=(PLACE,))
    (verdict,) = evaluate((claim,), [*forward, *backward], PROTOCOL)
    assert verdict.difference == pytest.approx(0.1)
    assert verdict.with_items is not None
    assert verdict.with_items[0] < 0.1 < verdict.with_items[1]


def test_recipes_that_differ_in_the_language_model_need_the_same_budget():
    full = [*tuned(0.008), *finals([0.2])]
    fewer = predicting([*tuned(0.008, rates=(0.008,)), *finals([0.3])], [None] * 3, "mini-backward")
    backward = replace(SIDE, direction="backward")
    assert read(backward, [*full, *fewer]) == {}
    same = predicting([*tuned(0.008), *finals([0.3])], [None] * 5, "mini-backward")
    assert read(backward, [*full, *same]) == {0: 0.3}
    assert read(SIDE, [*full, *fewer]) == {0: 0.2}


def test_both_directions_have_no_other_measure_than_the_test_error():
    with pytest.raises(ClaimsError, match="area"):
        read(replace(SIDE, direction="both", measure="area"), finals([0.2]))


def test_a_side_may_be_of_another_recipe():
    other = predicting(finals([0.4]), [None], "small")
    assert read(replace(SIDE, recipe="small"), [*finals([0.2]), *other]) == {0: 0.4}


def test_probabilities_are_kept_where_a_claim_averages_them_and_nowhere_else():
    records = [
        *predicting(finals([0.2]), ["AAA="], "mini"),
        *predicting(finals([0.2]), ["AAA="], "mini-backward"),
        *predicting(finals([0.2], decay=1.0), ["AAA="], "mini"),
        *predicting(tuned(0.008)[:1], ["AAA="], "mini"),
    ]
    for places in ((PLACE,), None):
        claim = Claim("c", "s.", "superior", replace(SIDE, direction="both"), SIDE, 0.005, places=places)
        kept = [record.probabilities for record in without_unread(records, (claim,), PROTOCOL)]
        assert kept == ["AAA=", "AAA=", None, None]


def with_other_test_error(record):
    """A test error that says the opposite of the validation error, by which alone anything may be chosen."""
    test = replace(record.result.test, error=1 - record.result.test.error)
    return replace(record, result=replace(record.result, test=test))


def test_of_several_decays_the_best_by_validation_error_is_read_once_all_are_complete():
    errors = {1.0: 0.30, 2.6: 0.25, 6.76: 0.27}
    records = [record for decay, error in errors.items() for record in finals([error] * 4, decay=decay)]
    records = list(map(with_other_test_error, records))
    side = replace(SIDE, decay=(1.0, 2.6, 6.76))
    assert read(side, records) == dict.fromkeys(range(4), 0.75)
    assert read(side, [*records, *finals([0.01] * 4, decay=4.192)]) == dict.fromkeys(range(4), 0.75)
    assert read(side, records[:-1]) == {}
    assert read(replace(SIDE, decay=(1.0, 2.6, 4.192)), records) == {}


def test_another_implementation_may_choose_the_decay_that_is_read():
    torch = [record for decay in (1.0, 2.6) for record in finals([0.1 + 0.01 * decay] * 4, decay=decay)]
    fastai = [
        make_record(cell("rt-1k", implementation="fastai", decay=decay, rate=0.008, repetition=n), error=error)
        for decay, error in ((1.0, 0.4), (2.6, 0.3))
        for n in range(4)
    ]
    own = Selector("fastai", "full+stlr", (1.0, 2.6))
    side = replace(own, chosen_with="torch")
    assert read(own, [*torch, *fastai]) == dict.fromkeys(range(4), 0.3)
    assert read(side, [*torch, *fastai]) == dict.fromkeys(range(4), 0.4)
    assert read(side, [*torch[:-1], *fastai]) == {}
    assert read(side, torch) == {}
    read_from = families(side, PLACE)
    assert len(read_from) == 4
    assert {(family.implementation, family.decay) for family in read_from} == {
        (implementation, decay) for implementation in ("torch", "fastai") for decay in (1.0, 2.6)
    }


def test_an_effect_against_the_best_decay_is_none_where_that_is_the_side_itself():
    records = [record for decay in (1.0, 2.6) for record in finals([0.1 + 0.01 * decay] * 4, decay=decay)]
    best = replace(SIDE, decay=(1.0, 2.6))
    assert read(replace(SIDE, less=best), records) == pytest.approx(dict.fromkeys(range(4), 0.016))
    assert read(replace(SIDE, decay=1.0, less=best), records) == {}


def moved_by(distance, record):
    """The record with another movement of its lowest layer."""
    return replace(
        record, result=replace(record.result, displacement=dict.fromkeys(GROUPS, 0.5) | {GROUPS[0]: distance})
    )


def test_of_several_decays_that_whose_lowest_layer_moves_least_or_most_may_be_read():
    moves = {1.0: (0.3, 0.30), 2.6: (0.1, 0.35), 6.76: (None, 0.40)}
    records = [
        moved_by(distance, record)
        for decay, (distance, error) in moves.items()
        for record in finals([error] * 4, decay=decay)
    ]
    side = replace(SIDE, decay=(1.0, 2.6, 6.76))
    assert read(replace(side, chosen_by="least movement"), records) == dict.fromkeys(range(4), 0.35)
    assert read(replace(side, chosen_by="most movement"), records) == dict.fromkeys(range(4), 0.40)
    assert read(replace(side, chosen_by="most movement", decay=(1.0, 2.6)), records) == dict.fromkeys(range(4), 0.30)
    assert read(replace(side, chosen_by="least movement"), records[:-1]) == {}


def test_of_several_decays_that_with_the_lowest_or_highest_test_error_may_be_read():
    """Their validation errors are in the other order."""
    pairs = ((1.0, 0.1, 0.4), (2.6, 0.2, 0.3))
    records = []
    for decay, test, validation in pairs:
        for record in finals([test] * 4, decay=decay):
            other = replace(record.result, validation=replace(record.result.validation, error=validation))
            records.append(replace(record, result=other))
    side = replace(SIDE, decay=(1.0, 2.6))
    assert read(side, records) == dict.fromkeys(range(4), 0.2)
    assert read(replace(side, chosen_by="lowest test error"), records) == dict.fromkeys(range(4), 0.1)
    assert read(replace(side, chosen_by="highest test error"), records) == dict.fromkeys(range(4), 0.2)


def test_the_area_is_that_of_validation_errors_over_all_rates_that_were_tuned():
    records = [*tuned(0.008), *finals([0.2, 0.3, 0.1], rate=0.008), *finals([0.4, 0.3], rate=0.004)]
    records = list(map(with_other_test_error, records))
    assert read(replace(SIDE, measure="area"), records) == pytest.approx({0: 0.3, 1: 0.3})
    assert read(replace(SIDE, measure="area"), finals([0.2])) == {}


def test_a_validation_error_may_be_read():
    records = [with_other_test_error(record) for record in finals([0.2, 0.3])]
    assert read(replace(SIDE, measure="validation error"), records) == pytest.approx({0: 0.2, 1: 0.3})


def test_movements_are_those_of_the_lowest_layer_and_of_the_layer_below_the_head():
    (record,) = finals([0.2])
    moved = dict(zip(GROUPS, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True))
    record = replace(record, result=replace(record.result, displacement=moved))
    assert read(replace(SIDE, measure="movement of the lowest layer"), [record]) == {0: 0.1}
    assert read(replace(SIDE, measure="movement of the highest LSTM"), [record]) == {0: 0.4}
    broken = replace(record, result=replace(record.result, displacement=moved | {"embedding": None}))
    assert read(replace(SIDE, measure="movement of the lowest layer"), [broken]) == {}


def test_a_family_tuned_at_fewer_rates_than_another_has_no_chosen_rate():
    records = [*tuned(0.008), *finals([0.2]), *tuned(0.008, arm="last", decay=1.0, rates=(*RATES, 0.016))]
    assert read(SIDE, records) == {}


def test_a_cell_with_two_records_is_an_error():
    with pytest.raises(ClaimsError, match=r"seed-0: two records"):
        gather([*finals([0.2]), *finals([0.2])], PROTOCOL)


def claim(kind, right, question="one", places=None):
    return Claim(f"{kind}-{question}", "…", kind, SIDE, right, 0.005, places=places, question=question)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ([0.200, 0.201, 0.199, 0.200], "held"),
        ([0.100, 0.101, 0.099, 0.100], "held"),  # lower is not inferior
        ([0.300, 0.301, 0.299, 0.300], "failed"),
        ([0.205, 0.206, 0.203, 0.206], "undecided"),
    ],
)
def test_not_being_inferior_is_about_one_side_of_the_margin(left, expected):
    records = [*finals(left), *finals([0.200, 0.200, 0.200, 0.201], decay=1.0)]
    (verdict,) = evaluate([claim("not inferior", replace(SIDE, decay=1.0))], records, PROTOCOL)
    assert verdict.outcome == expected


def test_p_values_are_adjusted_within_one_question():
    records = [*finals([0.20, 0.21, 0.19, 0.2]), *finals([0.3, 0.3, 0.31, 0.3], decay=1.0)]
    uniform = replace(SIDE, decay=1.0)
    alone, other = evaluate([claim("superior", uniform, "one"), claim("superior", uniform, "two")], records, PROTOCOL)
    assert alone.p == other.p == pytest.approx(0.125)
    first, second = evaluate(
        [claim("superior", uniform, "one"), replace(claim("superior", uniform, "one"), name="again")], records, PROTOCOL
    )
    assert first.p == second.p == pytest.approx(0.25)


def test_a_claim_is_judged_where_it_is_claimed_with_records_or_without():
    records = [*finals([0.2]), *finals([0.3], name="trec6")]
    judged = evaluate([claim("superior", replace(SIDE, decay=1.0), places=(("trec6", "mini"),))], records, PROTOCOL)
    assert [verdict.dataset for verdict in judged] == ["trec6"]
    (nowhere,) = evaluate([claim("superior", replace(SIDE, decay=1.0), places=(("ag-1k", "mini"),))], records, PROTOCOL)
    assert nowhere.outcome == "no data"


def test_places_without_records_make_the_tests_of_a_question_no_fewer():
    records = [*finals([0.20, 0.21, 0.19, 0.2]), *finals([0.3, 0.3, 0.31, 0.3], decay=1.0)]
    places = (PLACE, ("trec6", "mini"), ("ag-1k", "mini"))
    first, *_ = evaluate([claim("superior", replace(SIDE, decay=1.0), places=places)], records, PROTOCOL)
    assert first.p == pytest.approx(3 * 0.125)


def with_fewer_labels(record):
    dataset = replace(record.specification.dataset, name="rt-100", labels=100)
    return replace(record, specification=replace(record.specification, dataset=dataset))


def test_items_vary_only_where_both_sides_have_test_errors_on_the_same_texts():
    fewer = [with_fewer_labels(record) for record in finals([0.3, 0.29])]
    records = [*finals([0.2, 0.21]), *fewer, *finals([0.3, 0.29], name="trec6")]
    same, other, moved = (
        evaluate([claim("not inferior", side, places=(PLACE,))], records, PROTOCOL)[0]
        for side in (
            replace(SIDE, dataset="rt-100"),
            replace(SIDE, dataset="trec6"),
            replace(SIDE, measure="movement of the highest LSTM"),
        )
    )
    assert same.with_items is not None
    assert other.with_items is None
    assert moved.with_items is None
