"""Which base rates validation data cannot tell apart, and what decay 2.6 changes at each pair of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.near_rates import near_rate_numbers, near_rates, near_rates_table
from harness.report.summaries import summarise

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=(0, 1), margin=0.005)
# Of 500 validation documents: one standard error of 0.2 is sqrt(0.2 * 0.8 / 500) = 0.01789, so that 0.216 is near.
TUNING = {
    1.0: {0.004: 0.2, 0.008: 0.216, 0.016: 0.22},
    2.6: {0.004: 0.3, 0.008: 0.25, 0.016: 0.25},
}
FINALS = {(1.0, 0.004): 0.2, (1.0, 0.008): 0.3, (2.6, 0.008): 0.26, (2.6, 0.016): 0.21}


def records(finals=FINALS, repetitions=(0, 1), **changes):
    tuning = [
        make_record(cell(decay=decay, rate=rate, repetition=repetition, **changes), error=error)
        for decay, errors in TUNING.items()
        for rate, error in errors.items()
        for repetition in PROTOCOL.tuning_repetitions
    ]
    return tuning + [
        make_record(cell(decay=decay, rate=rate, repetition=repetition, **changes), error=error)
        for (decay, rate), error in finals.items()
        for repetition in repetitions
    ]


def found(of):
    return near_rates(summarise(of, PROTOCOL), of, PROTOCOL)


def test_a_rate_is_near_within_one_standard_error_of_the_lowest():
    (one,) = found(records())
    assert (one.uniform, one.discriminative, one.tried) == ((0.004, 0.008), (0.008, 0.016), 3)


def test_more_validation_documents_tell_more_rates_apart():
    larger = [
        replace(r, result=replace(r.result, validation=replace(r.result.validation, items=5000))) for r in records()
    ]
    (one,) = found(larger)
    assert one.uniform == (0.004,)


def test_every_pair_of_near_rates_that_ran_is_compared_and_the_choice_is_the_protocols():
    (one,) = found(records())
    assert one.differences == pytest.approx(
        {(0.004, 0.008): 0.06, (0.004, 0.016): 0.01, (0.008, 0.008): -0.04, (0.008, 0.016): -0.09}
    )
    assert one.chosen == (0.004, 0.008)  # of a tie the lower
    assert one.own == pytest.approx(0.06)
    (row,) = near_rates_table([one], {}).rows
    assert row[2:] == ("2", "2", "3", "4 of 4", "+6.00†‡", "−9.00", "+6.00", "2")
    told = near_rate_numbers([one], {}, ())
    (key,) = told["near"]
    assert (told[f"{key}/lowest"], told[f"{key}/highest"], told[f"{key}/pairs"]) == ("−9.00", "+6.00", 4)
    assert (told[f"{key}/own-is"], told[f"{key}/tied"]) == (
        "highest",
        ("+1.00",),
    )  # 0.016 at 2.6 has the error of 0.008


def test_pairs_that_ran_in_two_precisions_are_marked_and_no_other():
    def in_half(record):
        cell = record.specification
        half = (cell.arm.decay, cell.base_rate) == (2.6, 0.016) and cell.repetition == 1
        return replace(record, environment=replace(record.environment, precision="bfloat16")) if half else record

    (one,) = found(list(map(in_half, records())))
    assert one.mixed == {(0.004, 0.016), (0.008, 0.016)}
    assert near_rates_table([one], {}).rows[0][-4:] == ("+6.00†‡", "−9.00§", "+6.00", "2")


def test_a_rate_that_lacks_a_final_repetition_is_not_compared():
    of = [r for r in records() if (r.specification.base_rate, r.specification.repetition) != (0.016, 1)]
    assert set(found(of)[0].differences) == {(0.004, 0.008), (0.008, 0.008)}


def test_the_chosen_pair_alone_is_no_range():
    (one,) = found(records({key: error for key, error in FINALS.items() if key in ((1.0, 0.004), (2.6, 0.008))}))
    assert near_rates_table([one], {}).rows[0][-3:] == ("–", "–", "–")
    assert near_rate_numbers([one], {}, ()) == {"near": (), "near/rows": 1}
    assert near_rate_numbers([one], {}, (one.family.recipe,)) == {"near": (), "near/rows": 0}


def test_nothing_is_told_while_the_chosen_rates_lack_repetitions_or_rates_differ():
    assert found(records(repetitions=(0,))) == ()
    fewer = [r for r in records() if (r.specification.arm.decay, r.specification.base_rate) != (1.0, 0.016)]
    assert found(fewer) == ()
