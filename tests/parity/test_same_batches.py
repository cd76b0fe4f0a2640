"""Both implementations read the same tokens in the same order, given the same seeds."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from parity.small_jobs import BPTT, SEEDS, classifier_job, documents, labelled, language_model_job, spread_lengths

from harness.jobs import ClassifierJob
from harness.scratch.batches import ClassifierBatches, LanguageModelBatches, sortish_order
from harness.with_fastai.loaders import classifier_loaders, language_model_loaders

BATCH = 3
WINDOW = 50 * BATCH
# one short batch, one full, a single document over, two over, one window and more
COUNTS = [2, BATCH, 4 * BATCH, 4 * BATCH + 1, 4 * BATCH + 2, WINDOW, WINDOW + BATCH + 2, 2 * WINDOW + 1]


def job_with(count: int) -> ClassifierJob:
    job = classifier_job()
    return replace(
        job, training=labelled(spread_lengths(count, longest=30)), recipe=replace(job.recipe, batch_size=BATCH)
    )


@pytest.mark.parametrize("count", COUNTS)
def test_training_batches_are_the_same_in_every_epoch(count: int) -> None:
    job = job_with(count)
    ours = ClassifierBatches(job.training.documents, job.training.labels, BATCH, BPTT)
    generator = np.random.RandomState(SEEDS["order"])
    theirs = classifier_loaders(job).train
    np.random.seed(SEEDS["order"])
    for _ in range(3):
        left, right = list(ours.training(generator)), list(theirs)
        assert len(left) == len(right) == len(theirs) == ours.training_steps()
        for (tokens, labels), (their_tokens, their_labels) in zip(left, right, strict=True):
            assert torch.equal(tokens, torch.Tensor(their_tokens).long())
            assert torch.equal(labels, torch.Tensor(their_labels).long())


@pytest.mark.parametrize("count", COUNTS)
def test_evaluation_batches_are_the_same(count: int) -> None:
    job = replace(job_with(count), validation=labelled(spread_lengths(count, longest=30), seed=1))
    ours = ClassifierBatches(job.validation.documents, job.validation.labels, 64, BPTT)
    left, right = list(ours.evaluation()), list(classifier_loaders(job).valid)
    assert sum(len(labels) for _, labels in left) == count
    for (tokens, labels), (their_tokens, their_labels) in zip(left, right, strict=True):
        assert torch.equal(tokens, torch.Tensor(their_tokens).long())
        assert torch.equal(labels, torch.Tensor(their_labels).long())


@pytest.mark.parametrize("count", COUNTS)
def test_the_training_order_holds_every_document_once_with_the_longest_first(count: int) -> None:
    lengths = np.array(spread_lengths(count, longest=30))
    order = sortish_order(lengths, BATCH, np.random.RandomState(0))
    assert sorted(order.tolist()) == list(range(count))
    assert lengths[order[0]] == lengths.max()


def test_another_order_seed_gives_other_batches() -> None:
    lengths = np.array(spread_lengths(40))
    orders = [sortish_order(lengths, BATCH, np.random.RandomState(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


@pytest.mark.parametrize(
    "lengths", [(50,), (20, 13, 1, 31), (33,), tuple(range(1, 25))], ids=["one", "few", "exact", "many"]
)
def test_language_model_batches_are_the_same_in_every_epoch(lengths: tuple[int, ...]) -> None:
    job = replace(language_model_job(), documents=documents(lengths))
    ours = LanguageModelBatches(job.documents, job.recipe.batch_size, BPTT, SEEDS["order"])
    theirs = language_model_loaders(job).train
    random.seed(SEEDS["order"])
    for _ in range(3):
        left, right = list(ours), list(theirs)
        assert len(left) == len(right) == len(ours)
        for (tokens, targets), (their_tokens, their_targets) in zip(left, right, strict=True):
            assert torch.equal(tokens, torch.Tensor(their_tokens).long())
            assert torch.equal(targets, torch.Tensor(their_targets).long())


def test_held_out_language_model_batches_are_the_same() -> None:
    job = language_model_job()
    theirs = language_model_loaders(job).valid
    ours = list(LanguageModelBatches(job.validation, theirs.bs, BPTT, None))
    for (tokens, targets), (their_tokens, their_targets) in zip(ours, list(theirs), strict=True):
        assert torch.equal(tokens, torch.Tensor(their_tokens).long())
        assert torch.equal(targets, torch.Tensor(their_targets).long())
