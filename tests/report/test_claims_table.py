"""Since when claims stand, and about what."""

from __future__ import annotations

from dataclasses import replace

from harness.claim_history import History, Since
from harness.claims import Claim, Selector, Verdict
from harness.report.listings import claims_table
from harness.report.sides_text import side_text

SIDE = Selector("torch", "full+stlr", 2.6)
CLAIM = Claim("first", "It helps.", "superior", SIDE, replace(SIDE, decay=1.0), 0.005)
OTHER = replace(CLAIM, name="second")
HISTORY = History(since=dict.fromkeys(("first", "second"), Since("abcdef0123456789", "2026-01-02")))


def about(claim, *datasets):
    return [Verdict(claim, dataset, "mini", "no data", None, None, None, 0) for dataset in datasets]


def test_claims_of_one_sentence_and_date_share_a_row_that_names_what_both_are_about():
    table = claims_table([*about(CLAIM, "rt-1k", "trec6"), *about(OTHER, "trec6", "ag-1k")], HISTORY)
    sides = side_text(CLAIM.left) + " against " + side_text(CLAIM.right)
    dated = ("It helps.", sides, "decay", "superior", "0.5", "2026-01-02", "abcdef0123")
    assert table.rows == ((*dated, "rt-1k (mini), trec6 (mini), ag-1k (mini)"),)


def test_a_claim_of_another_date_has_a_row_of_its_own():
    history = replace(HISTORY, since={"first": HISTORY.since["first"]})
    rows = claims_table([*about(CLAIM, "rt-1k"), *about(OTHER, "ag-1k")], history).rows
    assert [row[5:] for row in rows] == [("2026-01-02", "abcdef0123", "rt-1k (mini)"), ("–", "–", "ag-1k (mini)")]
