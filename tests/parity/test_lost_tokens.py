"""fastai's padding loses tokens of some documents (fastai issue #3379); the layout used here loses none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from fastai.text.data import Pad_Chunk, TensorText
from fastai.text.models.core import masked_concat_pool as stock_pooling
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from parity.small_jobs import BPTT, CLASSES, SIZE, WORDS, classifier_job, distance, documents, precision
from torch import Tensor, nn

from harness.scratch.awd_lstm import PADDING
from harness.scratch.batches import whole_chunks
from harness.scratch.models import Classifier, masked_concat_pool
from harness.with_fastai.loaders import PadWholeChunks
from harness.with_fastai.training import classifier

# Pad_Chunk makes every row as wide as the longest: three chunks. The second document ends in the second of them, so
# its row begins the third with padding, is counted as absent there, and the last row is dropped in its place.
LENGTHS = (2 * BPTT + 3, BPTT + 6, BPTT + 2, 2)
LOST = LENGTHS.index(2)

Documents = Sequence[NDArray[np.int64]]


@pytest.fixture(scope="module")
def models() -> tuple[Classifier, nn.Module]:
    with precision(torch.float64):
        job = classifier_job()
        ours = Classifier(WORDS, CLASSES, SIZE, job.recipe)
        ours.load_state_dict(job.start)
        return ours.eval(), classifier(job).model.eval()


def padded(padding: Pad_Chunk, texts: Documents) -> Tensor:
    samples = [(TensorText(torch.from_numpy(text)),) for text in texts]
    return torch.stack([torch.Tensor(sample[0]).long() for sample in padding(samples)])


def encoded(encoder: nn.Module, tokens: Tensor) -> list[Tensor]:
    """The fastai encoder's outputs at the real tokens of each row."""
    outputs, padding = encoder(tokens)
    return [row[~hidden] for row, hidden in zip(outputs.detach(), padding, strict=True)]


def test_the_stock_padding_turns_real_tokens_into_zeros(models: tuple[Classifier, nn.Module]) -> None:
    encoder = models[1].get_submodule("0")
    texts, stock = documents(LENGTHS), Pad_Chunk(seq_len=BPTT)
    together = encoded(encoder, padded(stock, texts))
    alone = [encoded(encoder, padded(stock, [text]))[0] for text in texts]
    assert [len(outputs) for outputs in together] == list(LENGTHS)
    assert not together[LOST].any()
    assert bool(alone[LOST].any(dim=1).all())


def test_whole_chunks_encode_every_document_as_if_it_were_alone(models: tuple[Classifier, nn.Module]) -> None:
    encoder = models[1].get_submodule("0")
    texts = documents(LENGTHS)
    together = encoded(encoder, padded(PadWholeChunks(seq_len=BPTT), texts))
    for text, outputs in zip(texts, together, strict=True):
        (alone,) = encoded(encoder, padded(Pad_Chunk(seq_len=BPTT), [text]))
        assert distance(outputs, alone) <= 1e-12


def test_the_implementation_from_scratch_encodes_every_document_as_if_it_were_alone(
    models: tuple[Classifier, nn.Module],
) -> None:
    texts = documents(LENGTHS)
    outputs, real = models[0].encode(whole_chunks(texts, BPTT), None)
    for text, row, kept in zip(texts, outputs, real, strict=True):
        (alone,), (alone_kept,) = models[0].encode(whole_chunks([text], BPTT), None)
        assert distance(row[kept], alone[alone_kept]) <= 1e-12


def test_the_implementation_from_scratch_refuses_the_stock_padding(models: tuple[Classifier, nn.Module]) -> None:
    with pytest.raises(ValueError, match=r"laid out by batches\.whole_chunks"):
        models[0](padded(Pad_Chunk(seq_len=BPTT), documents(LENGTHS)))


@given(lengths=st.lists(st.integers(1, 5 * BPTT), min_size=1, max_size=6))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_both_layouts_are_the_same_for_any_lengths(lengths: list[int]) -> None:
    texts = documents(sorted(lengths, reverse=True))
    ours = whole_chunks(texts, BPTT)
    assert torch.equal(ours, padded(PadWholeChunks(seq_len=BPTT), texts))
    for row, text in zip(ours, texts, strict=True):
        assert row[row != PADDING].tolist() == text.tolist()


def test_a_documents_logits_with_fastai_are_the_same_alone_and_in_a_batch(models: tuple[Classifier, nn.Module]) -> None:
    texts, padding = documents(LENGTHS), PadWholeChunks(seq_len=BPTT)
    together = models[1](padded(padding, texts))[0].detach()
    for text, logits in zip(texts, together, strict=True):
        assert distance(logits, models[1](padded(padding, [text]))[0][0]) <= 1e-12


def test_the_stock_pooling_takes_a_short_documents_last_state_from_another_token() -> None:
    """It counts padding in the last ``bptt`` columns, which begin in front of a last chunk that is not full."""
    outputs = torch.arange(float(BPTT + 4)).reshape(1, -1, 1)
    padding = torch.ones(1, BPTT + 4, dtype=torch.bool)
    padding[0, BPTT : BPTT + 3] = False
    assert float(stock_pooling(outputs, padding, BPTT)[0, 0]) == BPTT - 2
    assert float(masked_concat_pool(outputs, ~padding)[0, 0]) == BPTT + 2
