"""Shared eight-word sequences: which passages count, and how often, against sets of tuples of words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus.overlap import WORDS, EvaluationText

PASSAGE = "The quick brown fox jumps over the lazy dog near the old river bank"  # 14 words, so 7 sequences
# Three words make most examples share something; the fourth is never in the evaluation text.
TEXT = st.lists(st.sampled_from("aaabbbcccd"), max_size=60)
EVALUATION = st.lists(st.sampled_from("aaabbbccc"), min_size=WORDS, max_size=60)


def counted_with_tuples(evaluation: list[str], document: list[str]) -> int:
    known = {tuple(evaluation[start : start + WORDS]) for start in range(len(evaluation) - WORDS + 1)}
    return sum(tuple(document[start : start + WORDS]) in known for start in range(len(document) - WORDS + 1))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(EVALUATION, TEXT, st.data())
def test_the_count_is_that_of_the_places_in_the_document(
    evaluation: list[str], document: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(evaluation) - WORDS))
    document = document + evaluation[start : start + data.draw(st.integers(0, 30))] + document[:5]
    shared = EvaluationText(" ".join(evaluation)).shared_with(" ".join(document))
    assert shared == counted_with_tuples(evaluation, document)


@pytest.mark.parametrize(
    "rewritten",
    [
        PASSAGE.upper(),
        "the Quick, brown fox ( jumps ) over the lazy-dog; near \n the old 'river' bank.",
        re.sub(" ", " , ", PASSAGE),
    ],
)
def test_case_and_punctuation_do_not_hide_a_passage(rewritten: str) -> None:
    assert EvaluationText(f"Before it. {PASSAGE}; after it.").shared_with(f"Elsewhere {rewritten} ends") == 7
    assert EvaluationText(rewritten).shared_with(PASSAGE) == 7


def test_a_passage_that_is_repeated_counts_at_each_place() -> None:
    assert EvaluationText(PASSAGE).shared_with(f"{PASSAGE} unrelated {PASSAGE}") == 14


def test_a_passage_that_the_evaluation_text_repeats_counts_once() -> None:
    assert EvaluationText(f"{PASSAGE} unrelated {PASSAGE}").shared_with(PASSAGE) == 7


@pytest.mark.parametrize(("words", "shared"), [(7, 0), (8, 1), (9, 2)])
def test_eight_common_words_in_a_row_are_needed(words: int, shared: int) -> None:
    opening = " ".join(PASSAGE.split()[:words])
    assert EvaluationText(PASSAGE).shared_with(opening) == shared
    assert EvaluationText(PASSAGE).shared_with(f"unrelated {opening} words") == shared


def test_an_unrelated_word_breaks_a_sequence() -> None:
    words = PASSAGE.split()
    assert EvaluationText(PASSAGE).shared_with(" ".join([*words[:7], "unrelated", *words[7:]])) == 0


def test_the_same_words_in_another_order_are_not_shared() -> None:
    words = PASSAGE.split()
    evaluation = EvaluationText(PASSAGE)
    assert evaluation.shared_with(" ".join(reversed(words))) == 0
    for place in range(WORDS - 1):
        swapped = words[:WORDS]
        swapped[place : place + 2] = reversed(swapped[place : place + 2])
        assert evaluation.shared_with(" ".join(swapped)) == 0, swapped


@pytest.mark.parametrize("document", ["", "...", "too short"])
def test_a_document_of_fewer_than_eight_words_shares_nothing(document: str) -> None:
    assert EvaluationText(PASSAGE).shared_with(document) == 0


def test_an_evaluation_text_of_fewer_than_eight_words_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 8 words, this one has 7"):
        EvaluationText("one two, three ... four five six seven!")
