from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import ITEMS, cell, diverged, make_record

from harness.reproduction import compare
from harness.statistics import prediction_interval

ERRORS = (0.20, 0.21, 0.22, 0.20, 0.22)
COMMITTED = [make_record(cell(repetition=n), error=error) for n, error in enumerate(ERRORS)]
LOW, HIGH = prediction_interval(ERRORS)


def agreement(new, committed=COMMITTED):
    (found,) = compare([new], committed)
    return found.agreement


def test_the_same_result_is_identical_whatever_it_cost():
    same = replace(COMMITTED[0], cost=replace(COMMITTED[0].cost, wall_seconds=1e6))
    (found,) = compare([same], COMMITTED)
    assert (found.agreement, found.error, found.committed, found.seeds) == ("identical", 0.20, 0.20, 5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [(HIGH - 0.002, "reproduced"), (HIGH + 0.003, "drifted"), (LOW + 0.002, "reproduced"), (LOW - 0.003, "drifted")],
)
def test_the_prediction_interval_of_the_committed_seeds_decides(error, expected):
    assert agreement(make_record(cell(), error=error)) == expected


def test_seeds_without_spread_allow_one_test_item_and_no_more():
    committed = [make_record(cell(repetition=n), error=0.2) for n in range(5)]
    assert agreement(make_record(cell(), error=0.2 + 1 / ITEMS), committed) == "reproduced"
    assert agreement(make_record(cell(), error=0.2 + 2 / ITEMS), committed) == "drifted"


def test_the_committed_seeds_of_other_rates_and_arms_do_not_enter():
    others = [make_record(cell(rate=0.001, repetition=n), error=0.9) for n in range(5)]
    others += [make_record(cell(decay=1.0, repetition=n), error=0.9) for n in range(5)]
    (found,) = compare([make_record(cell(), error=0.9)], [*COMMITTED, *others])
    assert (found.agreement, found.seeds) == ("drifted", 5)


def test_a_run_that_diverged_where_the_committed_one_did_not_has_drifted():
    wide = [make_record(cell(repetition=n), error=error) for n, error in enumerate((0.1, 0.9, 0.5))]
    assert agreement(diverged(COMMITTED[0]), wide) == "drifted"


def test_one_committed_seed_is_too_few_to_judge_by():
    assert agreement(make_record(cell(), error=0.9), COMMITTED[:1]) == "undetermined"


def test_a_cell_without_a_committed_record_is_unmatched():
    (found,) = compare([make_record(cell(repetition=9))], COMMITTED)
    assert (found.agreement, found.committed, found.interval) == ("unmatched", None, None)


def test_two_committed_records_of_a_cell_are_an_error():
    with pytest.raises(ValueError, match="two committed records"):
        compare([], [*COMMITTED, COMMITTED[0]])
