from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus.texts import RawTexts, content_digest, from_lines, normalise, to_lines

PAIRS = st.lists(st.tuples(st.text(max_size=6), st.sampled_from(["a", "b"])), max_size=4).map(tuple)
RAW = st.builds(RawTexts, PAIRS, st.none() | PAIRS, st.lists(st.text(max_size=6), max_size=4).map(tuple))
BASE = RawTexts((("one", "a"), ("two", "b")), (("three", "a"),), ("four", "five"))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(RAW)
def test_texts_survive_being_written_and_read(raw: RawTexts) -> None:
    assert from_lines(to_lines(raw)) == raw


@pytest.mark.parametrize(
    "other",
    [
        RawTexts((("One", "a"), ("two", "b")), BASE.test, BASE.unlabelled),
        RawTexts((("one", "b"), ("two", "b")), BASE.test, BASE.unlabelled),
        RawTexts(BASE.train[::-1], BASE.test, BASE.unlabelled),
        RawTexts((*BASE.train, *(BASE.test or ())), (), BASE.unlabelled),
        RawTexts(BASE.train, BASE.test, ("four",)),
        RawTexts(BASE.train, BASE.test, ("four five",)),
        RawTexts(BASE.train, BASE.test, ("fourfive",)),
    ],
)
def test_the_digest_tells_texts_labels_parts_and_order_apart(other: RawTexts) -> None:
    assert content_digest(other) != content_digest(BASE)


def test_an_empty_test_part_is_not_the_same_as_none() -> None:
    assert content_digest(RawTexts(BASE.train, ())) != content_digest(RawTexts(BASE.train, None))


def test_normalising_removes_differences_in_white_space_only() -> None:
    assert normalise("  A\tgood \n\n film ") == normalise("A good film") != normalise("a good film")
