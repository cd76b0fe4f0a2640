"""Batches lose no token and no document, and lay documents out as the encoder expects them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parity.small_jobs import BPTT, documents, labelled, spread_lengths

from harness.scratch.awd_lstm import PADDING
from harness.scratch.batches import ClassifierBatches, LanguageModelBatches, whole_chunks

LENGTHS = st.lists(st.integers(1, 4 * BPTT), min_size=1, max_size=8)


@given(lengths=LENGTHS)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_every_document_starts_on_a_chunk_border_and_ends_in_the_last_chunk(lengths: list[int]) -> None:
    texts = documents(lengths)
    tokens = whole_chunks(texts, BPTT)
    last_chunk = (tokens.shape[1] - 1) // BPTT
    for row, text in zip(tokens, texts, strict=True):
        real = (row != PADDING).nonzero().flatten()
        assert row[real].tolist() == text.tolist()
        assert torch.equal(real, torch.arange(int(real[0]), int(real[0]) + len(text)))
        assert int(real[0]) % BPTT == 0
        assert int(real[-1]) // BPTT == last_chunk
    assert tokens.shape[1] == (max(lengths) if last_chunk == 0 else (last_chunk + 1) * BPTT)


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8), rows=st.integers(1, 5), bptt=st.integers(1, 9))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_rows_of_the_stream_hold_the_text_in_order_and_targets_are_the_next_tokens(
    lengths: list[int], rows: int, bptt: int
) -> None:
    texts = documents([*lengths, rows + 1])
    batches = LanguageModelBatches(texts, rows, bptt, None)
    tokens, targets = (torch.cat(parts, dim=1) for parts in zip(*batches, strict=True))
    stream = np.concatenate(texts)
    used = tokens.numel()
    assert len(stream) - rows <= used + 1 <= len(stream)
    assert tokens.flatten().tolist() == stream[:used].tolist()
    assert targets.flatten().tolist() == stream[1 : used + 1].tolist()
    assert len(list(batches)) == len(batches)


def test_the_stream_is_reshuffled_each_epoch_from_its_own_seed() -> None:
    texts = documents(spread_lengths(12))
    first, same, other = (LanguageModelBatches(texts, 4, BPTT, seed) for seed in (0, 0, 1))
    epochs = [
        [torch.cat([tokens for tokens, _ in batches], dim=1) for _ in range(2)] for batches in (first, same, other)
    ]
    assert torch.equal(epochs[0][0], epochs[1][0])
    assert torch.equal(epochs[0][1], epochs[1][1])
    assert not torch.equal(epochs[0][0], epochs[0][1])
    assert not torch.equal(epochs[0][0], epochs[2][0])


def test_too_little_text_for_the_rows_is_refused() -> None:
    assert len(LanguageModelBatches(documents([5]), 4, BPTT, None)) == 1
    with pytest.raises(ValueError, match="too little text for 4 rows: 4 tokens"):
        LanguageModelBatches(documents([4]), 4, BPTT, None)


@pytest.mark.parametrize(("count", "trained", "steps"), [(1, 0, 0), (4, 4, 1), (9, 8, 2), (10, 10, 3), (12, 12, 3)])
def test_only_a_last_batch_of_one_document_is_left_out_of_training(count: int, trained: int, steps: int) -> None:
    split = labelled(spread_lengths(count))
    batches = ClassifierBatches(split.documents, split.labels, 4, BPTT)
    seen = [labels for _, labels in batches.training(np.random.RandomState(0))]
    assert batches.trained_documents() == sum(map(len, seen)) == trained
    assert batches.training_steps() == len(seen) == steps
    assert all(len(labels) > 1 for labels in seen)


def test_labels_stay_with_their_documents() -> None:
    split = labelled(spread_lengths(30))
    label_of = {tuple(text.tolist()): int(label) for text, label in zip(split.documents, split.labels, strict=True)}
    batches = ClassifierBatches(split.documents, split.labels, 4, BPTT)
    pairs = [*batches.training(np.random.RandomState(0)), *batches.evaluation()]
    for tokens, labels in pairs:
        for row, label in zip(tokens, labels, strict=True):
            assert label_of[tuple(row[row != PADDING].tolist())] == int(label)
    assert sum(len(labels) for _, labels in pairs) == 60


def test_evaluation_goes_from_longest_to_shortest_and_ties_keep_their_order() -> None:
    split = labelled([3, 9, 3, 20, 9])
    order = ClassifierBatches(split.documents, split.labels, 2, BPTT).evaluation_order()
    assert order.tolist() == [3, 1, 4, 0, 2]
