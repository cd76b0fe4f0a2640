"""Training from scratch repeats to the bit, follows its seeds, leaves global state alone and reports divergence."""

from __future__ import annotations

import math
import random
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from parity.small_jobs import (
    BPTT,
    CLASSES,
    SIZE,
    SOME_DROPOUT,
    WORDS,
    classifier_job,
    classifier_recipe,
    documents,
    labelled,
    language_model_job,
    largest_distance,
    not_finite,
    silent,
    spread_lengths,
)

from harness.jobs import ClassifierJob, ClassifierOutcome, LanguageModelOutcome
from harness.scratch import cross_entropy, models
from harness.scratch.batches import moved, whole_chunks
from harness.scratch.models import Classifier, LanguageModel
from harness.scratch.penalties import penalties
from harness.scratch.training import fine_tune_classifier, fine_tune_language_model
from harness.specification import Optimization
from harness.weights import weights_digest


def trained_language_model(dropout_seed: int = 2, order_seed: int = 1) -> LanguageModelOutcome:
    job = replace(language_model_job(SOME_DROPOUT), seeds={"order": order_seed, "dropout": dropout_seed})
    return fine_tune_language_model(job, silent)


def trained_classifier(dropout_seed: int = 2, order_seed: int = 1) -> ClassifierOutcome:
    job = classifier_job("gradual", dropouts=SOME_DROPOUT)
    return fine_tune_classifier(replace(job, seeds={"order": order_seed, "dropout": dropout_seed}), silent)


def test_a_language_model_with_the_same_seeds_is_the_same_to_the_bit() -> None:
    first, second = trained_language_model(), trained_language_model()
    assert weights_digest(first.weights) == weights_digest(second.weights)
    assert replace(first, weights={}, seconds=0) == replace(second, weights={}, seconds=0)


def test_a_classifier_with_the_same_seeds_is_the_same_to_the_bit() -> None:
    first, second = trained_classifier(), trained_classifier()
    assert weights_digest(first.weights) == weights_digest(second.weights)
    assert np.array_equal(first.test_logits, second.test_logits)
    assert np.array_equal(first.validation_logits, second.validation_logits)
    assert first.epochs == second.epochs


@pytest.mark.parametrize("seeds", [(3, 1), (2, 6)], ids=["dropout", "order"])
def test_another_seed_gives_another_outcome(seeds: tuple[int, int]) -> None:
    assert largest_distance(trained_language_model(*seeds).weights, trained_language_model().weights) > 1e-4
    assert largest_distance(trained_classifier(*seeds).weights, trained_classifier().weights) > 1e-4


def test_global_generators_do_not_change_the_outcome() -> None:
    digests = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        digests.add((weights_digest(trained_language_model().weights), weights_digest(trained_classifier().weights)))
    assert len(digests) == 1


def test_global_generators_are_not_consumed() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]
    trained_language_model()
    trained_classifier()
    assert random.getstate() == before[2]
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]
    assert torch.equal(torch.get_rng_state(), before[0])


@pytest.fixture
def _meta_without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Autocast does not know the device of tensors without values, on which whatever asks for a value raises."""
    for module in (models, cross_entropy):
        monkeypatch.setattr(module, "full_precision", lambda _like: nullcontext())
    monkeypatch.setattr(cross_entropy, "product_dtype", lambda like: like.dtype)


@pytest.mark.usefixtures("_meta_without_autocast")
def test_no_step_of_a_language_model_waits_for_a_value_on_the_device() -> None:
    with torch.device("meta"):
        model = LanguageModel(WORDS, SIZE, SOME_DROPOUT).train()
    state = model.encoder.initial_state(4)
    tokens = moved(torch.full((4, BPTT), 9), "meta")
    loss, raw, dropped, _ = model.loss(tokens, tokens, state, torch.Generator())
    torch.autograd.backward(loss + penalties(raw, dropped, Optimization()))
    with pytest.raises(RuntimeError, match="meta"):
        float(loss)


@pytest.mark.usefixtures("_meta_without_autocast")
def test_no_step_of_a_classifier_waits_for_a_value_on_the_device() -> None:
    with torch.device("meta"):
        model = Classifier(WORDS, CLASSES, SIZE, classifier_recipe(SOME_DROPOUT)).train()
    tokens = whole_chunks(documents([6 * BPTT, 3 * BPTT, 5]), BPTT)  # chunks that are not pooled, rows that join
    logits, outputs = model(tokens, torch.Generator())
    loss = torch.nn.functional.cross_entropy(logits, moved(torch.tensor([0, 1, 2]), "meta"))
    torch.autograd.backward(loss + penalties(outputs, outputs, Optimization()))


def test_the_job_that_is_trained_keeps_its_starting_weights() -> None:
    job = classifier_job(dropouts=SOME_DROPOUT)
    digest = weights_digest(job.start)
    outcome = fine_tune_classifier(job, silent)
    assert weights_digest(job.start) == digest
    assert largest_distance(outcome.weights, job.start) > 1e-3


def diverging(job: ClassifierJob, how: str) -> ClassifierJob:
    return replace(job, base_rate=1e30) if how == "huge rate" else replace(job, start=not_finite(job.start))


@pytest.mark.parametrize("how", ["huge rate", "infinite weights"])
def test_a_classifier_that_diverges_says_so_and_stops(how: str) -> None:
    job = diverging(classifier_job("all", "constant", epochs=6, dropouts=SOME_DROPOUT), how)
    outcome = fine_tune_classifier(job, silent)
    assert not outcome.finite
    assert len(outcome.epochs) < 6
    assert outcome.epochs[-1].training_loss is None
    assert outcome.rates.steps == 4 * len(outcome.epochs)
    assert outcome.test_logits.shape == (9, job.classes)


def test_a_classifier_that_does_not_diverge_says_so() -> None:
    outcome = trained_classifier()
    assert outcome.finite
    assert all(epoch.training_loss is not None for epoch in outcome.epochs)


def test_a_language_model_that_diverges_has_no_finite_loss() -> None:
    job = language_model_job()
    outcome = fine_tune_language_model(replace(job, start=not_finite(job.start)), silent)
    assert not any(map(math.isfinite, outcome.losses))
    assert not math.isfinite(outcome.perplexity)


def test_a_last_batch_of_one_document_is_not_trained_on() -> None:
    job = classifier_job("all", "constant")
    outcome = fine_tune_classifier(replace(job, training=labelled(spread_lengths(19))), silent)
    assert outcome.rates.steps == 2 * 3
    assert outcome.finite


def test_the_rates_that_are_reported_keep_the_decay_through_unfreezing() -> None:
    outcome = fine_tune_classifier(classifier_job("gradual", "stlr", epochs=6), silent)
    assert outcome.rates.largest_ratio_error < 1e-12
    frozen = [sum(rate == 0 for rate in row[1:]) for row in outcome.rates.trace]
    assert frozen == sorted(frozen, reverse=True)
    assert (frozen[0], frozen[-1]) == (4, 0)


def test_a_language_model_learns_a_text_that_repeats() -> None:
    text = np.tile(np.arange(9, 19), 40)
    job = language_model_job()
    job = replace(job, documents=(text,), validation=(text,), recipe=replace(job.recipe, epochs=8, base_rate=0.05))
    outcome = fine_tune_language_model(job, silent)
    assert outcome.perplexity_before > 30
    assert outcome.perplexity < 5  # guessing among its ten words: 10


def test_perplexity_covers_every_token_of_the_held_out_text() -> None:
    texts = documents([30, 11])
    job = replace(language_model_job(), validation=texts)
    changed = texts[1].copy()
    changed[-2] = changed[-2] + 1 if changed[-2] < 59 else 9
    before = fine_tune_language_model(job, silent).perplexity_before
    assert fine_tune_language_model(replace(job, validation=(texts[0], changed)), silent).perplexity_before != before
