"""The counts of what became of the primary question."""

from __future__ import annotations

from dataclasses import replace

from harness.claims import Claim, Selector, Verdict
from harness.report.in_short import InShort, in_short, in_words

SIDE = Selector("fastai", "full+stlr", 2.6)
CLAIM = Claim("c", "s.", "superior", SIDE, replace(SIDE, decay=1.0), 0.005)
HELD = Verdict(CLAIM, "trec6", "compact", "held", -0.01, (-0.02, -0.005), 0.01, 10)


def test_each_outcome_of_all_planned_pairs_is_counted_and_what_failed_above_zero_apart():
    verdicts = (
        HELD,
        replace(HELD, outcome="failed", interval=(0.001, 0.02)),
        replace(HELD, outcome="failed", interval=(-0.001, 0.02), claim=replace(CLAIM, margin=0.01)),
        replace(HELD, outcome="undecided", interval=(0.001, 0.02), dataset="rt-1k"),
        replace(HELD, outcome="undecided", n=9),
        replace(HELD, outcome="no data", interval=None, claim=replace(CLAIM, margin=0.5)),
        replace(HELD, claim=replace(CLAIM, question="another")),
    )
    found = in_short([(verdict, "†") for verdict in verdicts], {"trec6": "TREC-6"}, planned=10)
    names = ("TREC-6 (compact), full+stlr of fastai, a base rate on the edge of its grid",)
    assert found == InShort(4, 2, names, failed=2, higher=1, undecided=1, missing=2, margins="0.5 or 1")
    assert in_words(found) == (
        "Discriminative (decay 2.6) against uniform rates, each tuned, in 4 combinations of data set (2 of them), "
        "implementation and unfreezing: a lower test error is shown in 1 (TREC-6 (compact), full+stlr of fastai, a "
        "base rate on the edge of its grid); at the base rates that tuning chose, one lower by 0.5 or 1 points or "
        "more is ruled out in 2 (in 1 of them the interval, which is not adjusted, lies above 0); 1 left "
        "undecided; runs are missing in 2 more."
    )


def test_without_verdicts_nothing_is_compared():
    assert in_short((), {}, planned=10) == InShort(0, 0, (), 0, 0, 0, 0, "")
    assert in_words(in_short((), {}, planned=10)) == ""
