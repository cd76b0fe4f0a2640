"""fastai's loaders get all documents, in the recipe's batch sizes, and leave out a single last one only."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from fastai.text.data import LMDataLoader, SortedDL
from parity.small_jobs import BPTT, classifier_job, documents, labelled, language_model_job, spread_lengths

from harness.jobs import held_out_rows
from harness.scratch.awd_lstm import PADDING
from harness.with_fastai.loaders import classifier_loaders, language_model_loaders


@pytest.mark.parametrize(("count", "trained"), [(5, 5), (6, 6), (7, 6), (8, 8), (13, 12)])
def test_training_leaves_out_a_last_batch_of_one_document_only(count: int, trained: int) -> None:
    job = replace(classifier_job(), training=labelled(spread_lengths(count)))
    loader = classifier_loaders(job).train
    assert isinstance(loader, SortedDL)
    sizes = [len(labels) for _, labels in loader]
    assert sum(sizes) == trained
    assert min(sizes) > 1
    assert len(sizes) == len(loader)


def test_validation_and_test_documents_are_all_read_whatever_their_number() -> None:
    job = replace(classifier_job(), validation=labelled(spread_lengths(65)), test=labelled(spread_lengths(1)))
    loaders = classifier_loaders(job)
    for split, loader in ((job.validation, loaders[1]), (job.test, loaders[2])):
        rows = [row[row != PADDING].tolist() for tokens, _ in loader for row in torch.Tensor(tokens).long()]
        assert sorted(rows) == sorted(text.tolist() for text in split.documents)


def test_labels_stay_with_their_documents() -> None:
    job = classifier_job()
    split = job.training
    label_of = {tuple(text.tolist()): int(label) for text, label in zip(split.documents, split.labels, strict=True)}
    for tokens, labels in classifier_loaders(job).train:
        for row, label in zip(torch.Tensor(tokens).long(), labels, strict=True):
            assert label_of[tuple(row[row != PADDING].tolist())] == int(label)


def test_the_held_out_stream_is_never_shuffled_and_the_training_stream_is() -> None:
    loaders = language_model_loaders(language_model_job())
    assert all(isinstance(loader, LMDataLoader) for loader in loaders)
    held_out = [[torch.Tensor(tokens) for tokens, _ in loaders.valid] for _ in range(2)]
    assert all(torch.equal(left, right) for left, right in zip(*held_out, strict=True))
    training = [torch.cat([torch.Tensor(tokens) for tokens, _ in loaders.train], dim=1) for _ in range(2)]
    assert not torch.equal(*training)


@pytest.mark.parametrize(("tokens", "rows"), [(3, 1), (4 * BPTT, 2), (1000 * BPTT, 64)])
def test_held_out_rows_are_some_chunks_long(tokens: int, rows: int) -> None:
    assert held_out_rows(documents([tokens]), BPTT) == rows
