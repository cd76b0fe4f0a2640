from __future__ import annotations

import inspect
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.seeds import PURPOSES, Purpose, Stage, classifier_seeds, derive_seed, derive_seeds

SETTINGS = settings(derandomize=True, deadline=None, max_examples=60)
STAGES: tuple[Stage, ...] = ("general", "target", "classifier")


@pytest.mark.parametrize("function", [derive_seed, derive_seeds])
def test_a_seed_cannot_depend_on_arm_rate_or_implementation(function: object) -> None:
    assert callable(function)
    assert set(inspect.signature(function).parameters) <= {"corpus", "stage", "repetition", "purpose"}


@pytest.mark.parametrize(
    ("repetition", "purpose", "seed"),
    [(0, "labels", 2312340317), (0, "initialisation", 4096164082), (3, "order", 690353423)],
)
def test_seeds_are_these_for_ever(repetition: int, purpose: Purpose, seed: int) -> None:
    assert derive_seed("rotten-tomatoes", "classifier", repetition, purpose) == seed


def test_seeds_differ_across_corpus_stage_repetition_and_purpose() -> None:
    keys = list(product(("trec6", "imdb"), STAGES, (*range(20), 100, 101), PURPOSES))
    assert len({derive_seed(*key) for key in keys}) == len(keys)


@SETTINGS
@given(st.text(min_size=1, max_size=20), st.sampled_from(STAGES), st.integers(0, 10_000))
def test_all_seeds_of_a_stage_are_the_single_ones_and_fit_every_generator(
    corpus: str, stage: Stage, repetition: int
) -> None:
    seeds = derive_seeds(corpus, stage, repetition)
    assert seeds == {purpose: derive_seed(corpus, stage, repetition, purpose) for purpose in PURPOSES}
    assert all(0 <= seed < 2**32 for seed in seeds.values())  # the range of numpy's RandomState


def test_repetition_zero_is_as_fixed_and_as_different_as_any_other() -> None:
    zero = derive_seeds("trec6", "classifier", 0)
    assert zero == derive_seeds("trec6", "classifier", 0)
    assert 0 not in zero.values()
    assert not set(zero.values()) & set(derive_seeds("trec6", "classifier", 1).values())


def test_a_crossing_takes_initialisation_from_one_repetition_and_order_from_another() -> None:
    of = [derive_seeds("trec6", "classifier", repetition) for repetition in range(4)]
    seeds = classifier_seeds("trec6", 11, crossing=4)
    assert seeds == of[2] | {"order": of[3]["order"], "dropout": of[3]["dropout"], "labels": of[0]["labels"]}
    assert classifier_seeds("trec6", 11, crossing=None) == derive_seeds("trec6", "classifier", 11)


def test_a_repetition_beyond_the_crossed_ones_is_refused_since_it_would_share_their_seeds() -> None:
    classifier_seeds("trec6", 15, crossing=4)
    with pytest.raises(ValueError, match=r"repetition 16 .* below 16"):
        classifier_seeds("trec6", 16, crossing=4)
