from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.corpus.vocabulary import SPECIAL_TOKENS, build_vocabulary, ids_of

COUNTS = st.dictionaries(st.sampled_from([f"w{i}" for i in range(40)] + ["xxmaj", "xxbos"]), st.integers(1, 9))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(COUNTS, st.integers(16, 40), st.integers(1, 5))
def test_the_vocabulary_is_fastais_up_to_ties_and_padding(counts: dict[str, int], largest: int, least: int) -> None:
    from fastai.text.data import make_vocab  # noqa: PLC0415

    # Counter.most_common keeps the order of entry among ties, so alphabetical entry settles them as here.
    theirs = make_vocab(Counter(dict(sorted(counts.items()))), min_freq=least, max_vocab=largest)
    ours = build_vocabulary(counts, largest, least)
    assert [token for token in ours if token != "xxfake"] == [token for token in theirs if token != "xxfake"]
    assert len(ours) % 8 == 0
    assert ours.count("xxfake") < 8


def test_special_tokens_are_fastais() -> None:
    from fastai.text.core import defaults  # noqa: PLC0415

    assert list(SPECIAL_TOKENS) == defaults.text_spec_tok


def test_ties_go_by_the_alphabet_and_rare_tokens_are_left_out() -> None:
    counts = {"zebra": 3, "apple": 3, "most": 9, "rare": 2, "xxmaj": 50}
    assert build_vocabulary(counts, 60, 3)[9:12] == ("most", "apple", "zebra")
    assert "rare" not in build_vocabulary(counts, 60, 3)


@pytest.mark.parametrize(("largest", "length"), [(16, 16), (17, 24), (10, 16)])
def test_the_limit_counts_special_tokens_and_not_the_padding(largest: int, length: int) -> None:
    vocabulary = build_vocabulary({f"w{i}": 5 for i in range(50)}, largest, 1)
    assert len(vocabulary) == length
    assert len([token for token in vocabulary if token != "xxfake"]) == largest


def test_unknown_tokens_and_the_padding_become_xxunk() -> None:
    vocabulary = build_vocabulary({"known": 3}, 60, 3)
    assert ids_of(["xxunk", "xxpad", "known", "unheard", "xxfake"], vocabulary).tolist() == [0, 1, 9, 0, 0]
