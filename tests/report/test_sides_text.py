"""The sides of claims in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.claims import Claim, Selector
from harness.report.sides_text import contrasts_text, side_text
from study.claims import CLAIMS

SIDE = Selector("torch", "full+stlr", 2.6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "full+stlr of torch at 2.6"),
        ({"rate": 0.01}, "full+stlr of torch at 2.6 at rate 0.01"),
        ({"rate": "last", "dataset": "rt-500"}, "full+stlr of torch at 2.6 at the rate that last chose on rt-500"),
        ({"decay": (1.0, 2.6)}, "full+stlr of torch at the decay with the lowest validation error"),
        (
            {"decay": (1.0, 2.6), "chosen_by": "most movement", "chosen_with": "fastai", "measure": "validation error"},
            "validation error of full+stlr of torch at the decay with the most movement of fastai",
        ),
        ({"recipe": "compact-quarter"}, "full+stlr of torch at 2.6 from compact-quarter"),
        ({"direction": "both"}, "full+stlr of torch at 2.6 in both directions"),
        ({"less": replace(SIDE, decay=1.0)}, "full+stlr of torch at 2.6 minus full+stlr of torch at 1"),
    ],
)
def test_a_side_says_all_in_which_it_is_not_as_a_rule(changes, expected):
    assert side_text(replace(SIDE, **changes)) == expected


def test_of_several_contrasts_the_first_is_named_and_the_others_are_counted():
    other = replace(SIDE, decay=1.0)
    claim = Claim("c", "It is better.", "superior", SIDE, other, 0.0, also=((SIDE, replace(SIDE, arm="last")),))
    assert contrasts_text(claim) == "full+stlr of torch at 2.6 against full+stlr of torch at 1; 1 more"


def test_the_two_sides_of_each_claim_of_the_study_read_differently():
    for claim in CLAIMS:
        for left, right in claim.contrasts:
            assert side_text(left) != side_text(right), claim.name
