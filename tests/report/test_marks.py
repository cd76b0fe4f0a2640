"""The marks of verdicts: of every chosen rate that a verdict is sure to rest on and of no other, and its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.synthetic import RECIPE, cell, make_record

from harness.claims import Claim, Family, Protocol, Selector, Verdict
from harness.report.marks import verdict_marks
from harness.sides import by_family, records_read

PROTOCOL = Protocol(tuning_repetitions=(100,), final_repetitions=(0,), margin=0.005)
SIDE = Selector("torch", "full+stlr", 2.6)
UNIFORM = replace(SIDE, decay=1.0)
FAMILY = Family("rt", "big", "torch", "full+stlr", 2.6)
EDGE, TIE = {FAMILY: "†"}, {replace(FAMILY, decay=1.0): "‡"}
LAST = {replace(FAMILY, arm="last", decay=1.0): "†"}
BEST = replace(SIDE, decay=(1.0, 2.6))


def marks(marked, left=SIDE, right=UNIFORM, outcome="held", records=()):
    claim = Claim("c", "It is better.", "superior", left, right, 0.005)
    verdict = Verdict(claim, "rt", "big", outcome, 0.0, None, None, 10)
    return verdict_marks(verdict, marked, records_read(verdict, by_family(records), PROTOCOL))


def record(precision, decay=1.0, rate=0.008, repetition=0, **environment):
    made = make_record(cell("rt", decay=decay, rate=rate, repetition=repetition), error=0.2)
    made = replace(made, specification=replace(made.specification, recipe=replace(RECIPE, name="big")))
    return replace(made, environment=replace(made.environment, precision=precision, **environment))


def test_the_marks_of_both_sides_are_named_once_and_in_one_order():
    assert marks(TIE | EDGE) == "†‡"
    assert marks(dict.fromkeys((*EDGE, *TIE), "†‡")) == "†‡"
    assert marks(EDGE | TIE, outcome="no data") == ""
    assert marks({replace(FAMILY, dataset="other"): "†"}) == ""


@pytest.mark.parametrize(
    ("side", "marked", "expected"),
    [
        (replace(SIDE, rate=0.01), EDGE, ""),
        (replace(SIDE, measure="area"), EDGE, ""),
        (BEST, EDGE, ""),
        (replace(BEST, chosen_by="lowest test error"), EDGE, "†"),
        (replace(SIDE, rate="last"), EDGE, ""),
        (replace(SIDE, rate="last"), LAST, "†"),
        (replace(UNIFORM, less=SIDE), EDGE, "†"),
    ],
)
def test_a_side_is_marked_by_the_choices_that_it_rests_on(side, marked, expected):
    assert marks(marked, left=side) == expected


def test_a_verdict_on_records_of_several_precisions_is_marked_and_no_other():
    plain, half = record("float32"), record("bfloat16", decay=2.6)
    assert marks(TIE, records=(plain, half)) == "‡§"
    assert marks({}, records=(plain, half), outcome="no data") == ""
    assert marks({}, records=(plain, record("float32", decay=2.6, processor="another"))) == ""
    assert marks({}, records=(plain, record("bfloat16", decay=6.76))) == ""  # the claim does not read that one
    other = record("bfloat16", rate=0.016)
    assert marks({}, records=(plain, other)) == "§"  # may be of its tuning
    tuning = [record("float32", rate=rate, repetition=100) for rate in (0.008, 0.016)]  # a tie: the lower rate
    assert marks({}, records=(plain, *tuning, other)) == ""  # a final run at a rate that was not chosen
    assert marks({}, right=replace(UNIFORM, measure="area"), records=(plain, *tuning, other)) == "§"
    assert marks({}, left=replace(SIDE, rate=0.008), right=replace(UNIFORM, rate=0.008), records=(plain, other)) == ""


@pytest.mark.parametrize(
    ("kind", "outcome", "stands", "open_"),
    [
        ("superior", "held", (-0.02, -0.001), (-0.02, 0.001)),
        ("superior", "failed", (-0.004, 0.02), (-0.006, 0.02)),
        ("equivalent", "held", (-0.004, 0.004), (-0.006, 0.004)),
        ("equivalent", "held", (-0.004, 0.004), (-0.004, 0.006)),
        ("equivalent", "failed", (0.006, 0.02), (0.004, 0.02)),
        ("equivalent", "failed", (-0.02, -0.006), (-0.02, -0.004)),
        ("not inferior", "held", (-0.02, 0.004), (-0.02, 0.006)),
        ("not inferior", "failed", (0.006, 0.02), (0.004, 0.02)),
    ],
)
def test_a_verdict_that_other_test_items_would_leave_open_is_marked(kind, outcome, stands, open_):
    def marked(outcome, with_items):
        verdict = Verdict(Claim("c", "It is.", kind, SIDE, UNIFORM, 0.005), "rt", "big", outcome, 0.0, None, None, 10)
        return verdict_marks(replace(verdict, with_items=with_items), TIE, ())

    assert marked(outcome, stands) == "‡"
    assert marked(outcome, open_) == "‡¶"
    assert marked("undecided", open_) == marked(outcome, None) == "‡"
