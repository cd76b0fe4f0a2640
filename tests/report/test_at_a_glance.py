from __future__ import annotations

from dataclasses import replace

from harness.claim_history import Ages
from harness.claims import Claim, Selector, Verdict
from harness.report.at_a_glance import apart, at_a_glance

SIDE = Selector("torch", "full+stlr", 2.6)
CLAIM = Claim("better", "It is better.", "superior", SIDE, replace(SIDE, decay=1.0), 0.005)
OTHER = replace(CLAIM, name="other", sentence="It is another.")
TITLES = {
    "rt": "Tomatoes, 1,000 labels",
    "rt-50": "Tomatoes, 50 labels",
    "half": "Films half, 9 labels",
    "all": "Films",
}
OLD, YOUNG = Ages(4, 3), Ages(4, 4)


def verdict(dataset, recipe="big", outcome="held", claim=CLAIM):
    measured = outcome != "no data"
    return Verdict(
        claim,
        dataset,
        recipe,
        outcome,
        -0.0123 if measured else None,
        (-0.02, -0.01) if measured else None,
        None,
        9,
    )


def table(*judged):
    marked = [(v, aged, "†" if (v.dataset, v.recipe) == ("rt", "big") else "") for v, aged in judged]
    return at_a_glance(marked, TITLES, 9)


def test_a_row_is_a_claim_and_a_column_the_place_that_most_verdicts_of_its_texts_are_about():
    found = table(
        (verdict("rt-50", claim=OTHER), YOUNG),
        (verdict("rt"), YOUNG),
        (verdict("rt", "small", "failed"), OLD),
        (verdict("rt", outcome="undecided", claim=OTHER), YOUNG),
        (verdict("half", "small"), YOUNG),
        (verdict("rt", "tiny", "no data"), YOUNG),
        (verdict("all", outcome="no data"), YOUNG),
        (verdict("all", outcome="no data", claim=OTHER), YOUNG),
    )
    entry = "−1.23 [−2.00,\N{NO-BREAK SPACE}−1.00]"
    assert [column.heading for column in found.columns] == ["Claim", "Films (big)", "Tomatoes, 1,000 labels (big)"]
    assert found.rows == (
        (
            "It is another.",
            "–",
            f"undecided\N{NO-BREAK SPACE}{entry}†; Tomatoes, 50 labels: held\N{NO-BREAK SPACE}{entry}",
        ),
        (
            "It is better.",
            f"–; Films half, 9 labels, small: held\N{NO-BREAK SPACE}{entry}",
            f"held\N{NO-BREAK SPACE}{entry}†; small: failed\N{NO-BREAK SPACE}{entry}∗; tiny: –",
        ),
    )


def test_a_verdict_on_fewer_pairs_than_planned_says_how_many_and_no_more():
    found = table((replace(verdict("rt", outcome="undecided"), n=2), YOUNG), (verdict("rt-50"), YOUNG))
    assert found.rows[0][1].split("; ")[0] == "undecided\N{NO-BREAK SPACE}2 of 9 pairs"


def test_a_claim_says_nothing_of_texts_that_it_is_not_about():
    found = table((verdict("rt"), YOUNG), (verdict("all", claim=OTHER), YOUNG))
    assert found.rows[0][1] == ""
    assert found.rows[1][2] == ""


def test_claims_of_one_sentence_share_a_row():
    again = replace(CLAIM, name="again")
    found = table((verdict("rt"), YOUNG), (verdict("all", claim=again, outcome="failed"), YOUNG))
    ((sentence, films, tomatoes),) = found.rows
    assert (sentence, films.split("\N{NO-BREAK SPACE}")[0]) == ("It is better.", "failed")
    assert tomatoes.startswith("held")


def test_a_collection_ends_with_a_word_and_no_verdict_is_without_the_name_of_its_place():
    plain = at_a_glance([(one, YOUNG, "") for one in (verdict("rt"), verdict("rte"), verdict("rt", "small"))], {}, 9)
    assert [column.heading for column in plain.columns] == ["Claim", "rt (big)", "rte (big)"]
    judged = [(one, YOUNG, "") for one in (verdict("rt"), verdict("rt", claim=OTHER), verdict("rt-50"))]
    both = at_a_glance(judged, {"rt-50": "rt"}, 9)
    assert "; rt: held" in both.rows[0][1]


def test_verdicts_about_some_recipes_are_told_apart_unless_no_others_have_data():
    big, small = (verdict("rt"), YOUNG, ""), (verdict("rt", "small"), OLD, "")
    empty = (verdict("rt", outcome="no data"), YOUNG, "")
    assert apart([empty, small], {"small"}) == ([empty, small], ())
    assert apart([big, small], {"small"}) == ([big], [small])
    assert apart([small], {"small"}) == ([small], ())
    assert apart([big], {"small"}) == ([big], [])
