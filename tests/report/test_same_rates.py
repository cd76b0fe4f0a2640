from __future__ import annotations

from dataclasses import replace

from report.synthetic import cell, make_record

from harness.claims import Protocol
from harness.report.same_rates import same_rates_table
from harness.report.summaries import summarise

PROTOCOL = Protocol((100, 101), (0, 1), 0.005)


def records(implementation, tuning, finals, rate):
    """Tuning records of the errors by rate, and final ones of the errors at ``rate``."""
    found = [
        make_record(cell(implementation=implementation, rate=at, repetition=n), error=error)
        for at, error in tuning.items()
        for n in PROTOCOL.tuning_repetitions
    ]
    found += [
        make_record(cell(implementation=implementation, rate=rate, repetition=n), error=error)
        for n, error in enumerate(finals)
    ]
    return found


def rows(*groups):
    together = [record for group in groups for record in group]
    return same_rates_table(together, summarise(together, PROTOCOL), PROTOCOL, {"rt-1k": "Tomatoes"}).rows


TORCH = records("torch", {0.01: 0.30, 0.02: 0.31, 0.04: 0.50}, (0.30, 0.32), 0.01)


def test_what_differs_at_the_same_rate_stands_beside_what_differs_as_tuned():
    fastai = records("fastai", {0.01: 0.32, 0.02: 0.30, 0.04: 0.50}, (0.27, 0.29), 0.02)
    ((title, arm, decay, rates, median, quartiles, left, right, tuned, same),) = rows(TORCH, fastai)
    assert (title, arm, decay, rates) == ("Tomatoes (mini)", "full+stlr", "2.6", "3")
    assert (median, quartiles) == ("+0.00", "[−1.00, +0.50]")
    assert (left, right) == ("0.01†", "0.02")
    assert tuned.startswith("+3.00 ")
    assert same == "–"


def test_torch_at_the_rate_that_fastai_chose_stands_beside_each_at_its_own():
    fastai = records("fastai", {0.01: 0.32, 0.02: 0.30}, (0.27, 0.29), 0.02)
    there = records("torch", {}, (0.28, 0.29), 0.02)
    *_, tuned, same = rows(TORCH, there, fastai)[0]
    assert tuned.startswith("+3.00 ")
    assert same.startswith("+0.50 ")


def test_differences_of_runs_in_two_precisions_are_marked():
    fastai = records("fastai", {0.01: 0.32, 0.02: 0.30}, (0.27, 0.29), 0.02)
    half = replace(fastai[-1], environment=replace(fastai[-1].environment, precision="bfloat16"))
    there = records("torch", {}, (0.28, 0.29), 0.02)
    *_, tuned, same = rows(TORCH, there, [*fastai[:-1], half])[0]
    assert tuned.endswith("]§")
    assert same.endswith("]§")


def test_a_set_of_repetitions_that_is_not_whole_is_not_compared():
    fastai = records("fastai", {0.01: 0.32, 0.02: 0.30}, (0.27,), 0.02)
    assert rows(TORCH, fastai)[0][-2:] == ("–", "–")


def test_rates_that_one_side_has_not_tried_do_not_count_and_one_side_alone_has_no_row():
    fastai = records("fastai", {0.02: 0.30}, (), 0.02)
    assert rows(TORCH, fastai)[0][3:5] == ("1", "+1.00")
    assert rows(TORCH, fastai)[0][-2:] == ("–", "–")
    assert rows(TORCH) == ()


def test_without_a_rate_in_common_there_is_no_difference_at_the_same_rate():
    fastai = records("fastai", {0.64: 0.30}, (0.3, 0.3), 0.64)
    assert rows(TORCH, fastai)[0][3:6] == ("0", "–", "–")
