from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.corpus import splits
from harness.corpus.splits import Splits, split
from harness.corpus.texts import CorpusError, RawTexts, normalise
from harness.specification import Dataset

DATASET = Dataset("d", "D", "none", ("a", "b"), "", "none", labels=None, validation=2, test=None)
# Few distinct texts, and some that differ in white space only, so that most examples have texts in common.
TEXT = st.builds(
    lambda word, end: word + end, st.sampled_from([f"w{i}" for i in range(12)]), st.sampled_from(["", " "])
)
PAIRS = st.lists(st.tuples(TEXT, st.sampled_from("ab")), min_size=4, max_size=25).map(tuple)
RAW = st.builds(RawTexts, PAIRS, st.none() | PAIRS, st.lists(TEXT, max_size=15).map(tuple))


def texts_of(pairs: tuple[tuple[str, str], ...]) -> set[str]:
    return {normalise(text) for text, _ in pairs}


def split_or_reject(dataset: Dataset, raw: RawTexts) -> Splits:
    try:
        return split(dataset, raw)
    except CorpusError:
        assume(False)
        raise


@settings(derandomize=True, deadline=None, max_examples=80)
@given(RAW, st.sampled_from([1, 3]), st.booleans())
def test_no_text_is_in_two_parts_that_must_not_share(raw: RawTexts, test: int, sampled: bool) -> None:
    dataset = replace(DATASET, test=test if sampled or raw.test is None else None)
    parts = split_or_reject(dataset, raw)
    train, validation, held = texts_of(parts.train), texts_of(parts.validation), texts_of(parts.test)
    model = [normalise(text) for text in parts.language_model]
    model_validation = [normalise(text) for text in parts.language_model_validation]
    assert len(train) + len(validation) + len(held) == len(train | validation | held)
    assert not (validation | held) & set(model + model_validation)
    assert len(model + model_validation) == len(set(model + model_validation))
    assert train <= set(model + model_validation)
    known = texts_of(raw.train) | set(map(normalise, raw.unlabelled))
    assert train | validation | set(model + model_validation) <= known


@settings(derandomize=True, deadline=None, max_examples=40)
@given(RAW)
def test_every_text_is_used_or_counted_as_dropped(raw: RawTexts) -> None:
    parts = split_or_reject(replace(DATASET, test=None if raw.test is not None else 2), raw)
    carved = len(parts.test) if raw.test is None else 0
    unlabelled = len(parts.language_model) + len(parts.language_model_validation) - len(parts.train)
    used = len(parts.train) + len(parts.validation) + carved + unlabelled
    assert used + sum(parts.dropped.values()) == len(raw.train) + len(raw.unlabelled)


def corpus(count: int = 200) -> RawTexts:
    return RawTexts(tuple((f"text {i}", "ab"[i % 4 == 0]) for i in range(count)), None, ("more", "still more"))


def test_parts_do_not_depend_on_the_order_of_the_files() -> None:
    raw, dataset = corpus(), replace(DATASET, validation=40, test=20, language_model_documents=50)
    shuffled = random.Random(0).sample(raw.train, len(raw.train))
    one, other = split(dataset, raw), split(dataset, RawTexts(tuple(shuffled), None, raw.unlabelled[::-1]))
    for part in ("train", "validation", "test"):
        assert set(getattr(one, part)) == set(getattr(other, part))
    assert one.language_model == other.language_model
    assert one.language_model_validation == other.language_model_validation


def test_held_out_parts_are_in_proportion_to_the_classes() -> None:
    parts = split(replace(DATASET, validation=40, test=20), corpus())
    assert Counter(label for _, label in parts.validation) == {"a": 30, "b": 10}
    assert Counter(label for _, label in parts.test) == {"a": 15, "b": 5}
    assert len(parts.train) == 140


def test_the_language_model_reads_what_is_left_up_to_its_limit_with_one_in_twenty_held_out() -> None:
    parts = split(replace(DATASET, validation=40, test=20), corpus())
    assert (len(parts.language_model), len(parts.language_model_validation)) == (135, 7)
    limited = split(replace(DATASET, validation=40, test=20, language_model_documents=60), corpus())
    assert (len(limited.language_model), len(limited.language_model_validation)) == (57, 3)
    assert len(limited.train) == 140


def test_each_reason_for_leaving_a_text_out_is_counted() -> None:
    train = [(f"text {i}", "a") for i in range(10)]
    extra = [(" text  1", "a"), ("text 2", "b"), ("in test", "a")]
    parts = split(
        replace(DATASET, validation=1),
        RawTexts((*train, *extra), (("in  test", "b"),), ("text 3", "in test ", "new", "new")),
    )
    dropped = parts.dropped
    assert (dropped[splits.TRAIN_REPEATED], dropped[splits.TRAIN_CONTRADICTED], dropped[splits.TRAIN_IN_TEST]) == (
        1,
        1,
        1,
    )
    assert dropped[splits.UNLABELLED_HELD_OUT] + dropped[splits.UNLABELLED_REPEATED] == 3
    assert ("text 2", "b") not in (*parts.train, *parts.validation)
    assert parts.test == (("in  test", "b"),)


def test_a_sample_of_the_official_test_part_keeps_all_of_it_out_of_training() -> None:
    test = tuple((f"test {i}", "ab"[i % 2]) for i in range(20))
    parts = split(replace(DATASET, test=4), RawTexts((*corpus().train, *test), test, ("test 3",)))
    assert len(parts.test) == 4
    assert not texts_of(test) & (texts_of(parts.train) | texts_of(parts.validation) | set(parts.language_model))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": 300}, "300 test documents declared, 200 texts"),
        ({"test": None}, "no official test part"),
        ({"validation": 181, "test": 20}, "181 validation documents declared, 180"),
        ({"validation": 180, "test": 20}, "no training text is left"),
        ({"validation": 0, "test": 20}, "0 validation documents"),
        ({"test": 20, "language_model_documents": 1}, "1 language-model documents"),
        ({"test": 20, "language_model_documents": 999}, "999 language-model documents, of 180"),
    ],
)
def test_declarations_that_cannot_be_met_are_named(changes: dict[str, int | None], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        split(replace(DATASET, **changes), corpus())
