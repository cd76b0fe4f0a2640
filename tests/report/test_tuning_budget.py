"""What other choices of tuning repetitions would find, on grids small enough to work out by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.tuning_budget import tuning_budget_table, tuning_choices
from harness.verdicts import evaluate
from study.claims import CLAIMS

PROTOCOL = Protocol(tuning_repetitions=(100, 101), final_repetitions=(0, 1), margin=0.005)
RATES = (0.01, 0.02)
# By decay and base rate, the errors of repetitions 100, 101, 0 and 1.
VALIDATION = {
    (1.0, 0.01): (0.10, 0.30, 0.10, 0.10),
    (1.0, 0.02): (0.20, 0.20, 0.20, 0.20),
    (2.6, 0.01): (0.50, 0.50, 0.50, 0.50),
    (2.6, 0.02): (0.50, 0.50, 0.50, 0.50),
}
TEST = {
    (1.0, 0.01): (0.20, 0.21, 0.22, 0.23),
    (1.0, 0.02): (0.40, 0.41, 0.42, 0.43),
    (2.6, 0.01): (0.30, 0.30, 0.30, 0.30),
    (2.6, 0.02): (0.90, 0.90, 0.90, 0.90),
}


def records(implementation="torch"):
    return [
        with_test_error(
            TEST[decay, rate][index],
            make_record(
                cell(implementation=implementation, decay=decay, rate=rate, repetition=repetition), error=error
            ),
        )
        for (decay, rate), errors in VALIDATION.items()
        for index, (repetition, error) in enumerate(zip((100, 101, 0, 1), errors, strict=True))
    ]


def with_test_error(error, record):
    return replace(record, result=replace(record.result, test=replace(record.result.test, error=error)))


def test_each_repetition_alone_chooses_and_the_others_judge():
    one, *_ = tuning_choices(records(), PROTOCOL)
    assert (one.family.decay, one.repetitions) == (2.6, 1)
    # 101 alone chooses 0.02 for decay 1; a tie at decay 2.6 goes to the lower rate, which is the better one.
    assert one.rates == (Counter({0.01: 3, 0.02: 1}), Counter({0.01: 4}))
    assert one.differences == pytest.approx(
        (0.3 - (0.21 + 0.22 + 0.23) / 3, 0.3 - (0.40 + 0.42 + 0.43) / 3, 0.3 - 0.64 / 3, 0.3 - 0.63 / 3)
    )


def test_as_many_repetitions_choose_as_leave_others_to_judge():
    assert [choices.repetitions for choices in tuning_choices(records(), PROTOCOL)] == [1, 2, 3]
    two = tuning_choices(records(), PROTOCOL)[1]
    assert len(two.differences) == 6
    assert two.rates[0] == Counter({0.01: 6})  # a tie of 100 and 101 together goes to the lower rate


def test_the_choice_that_the_protocol_makes_finds_what_the_verdict_tells():
    (claim,) = [claim for claim in CLAIMS if claim.name == "discriminative-beats-uniform-torch"]
    (verdict,) = evaluate([replace(claim, places=(("rt-1k", "mini"),))], records(), PROTOCOL)
    assert tuning_choices(records(), PROTOCOL)[1].differences[0] == pytest.approx(verdict.difference)


def test_where_a_repetition_is_missing_at_one_rate_there_is_nothing_to_choose_again():
    for left_out in (0, 3, 5):
        assert tuning_choices([record for n, record in enumerate(records()) if n != left_out], PROTOCOL) == ()
    assert tuning_choices([record for record in records() if record.specification.base_rate == 0.01], PROTOCOL) == ()


def test_final_repetitions_at_a_rate_that_was_not_tuned_do_not_count():
    more = make_record(cell(decay=2.6, rate=0.64, repetition=0), error=0.01)
    assert tuning_choices([*records(), more], PROTOCOL) == tuning_choices(records(), PROTOCOL)


def test_the_table_tells_rates_mean_percentiles_and_how_often():
    both = [*records(), *records("fastai")]
    table = tuning_budget_table(tuning_choices(both, PROTOCOL), PROTOCOL, {"rt-1k": "Tomatoes"})
    assert [row[1] for row in table.rows] == ["torch"] * 3 + ["fastai"] * 3
    first = table.rows[0]
    assert first[:5] == ("Tomatoes (mini)", "torch", "full+stlr", "1", "4")
    assert first[5:8] == ("0.01 (75 %), 0.02 (25 %)", "0.01 (100 %)", "+3.50")
    assert first[8].startswith("[−8.")
    assert first[9] == "25 %"
    assert all(len(row) == len(table.columns) for row in table.rows)
