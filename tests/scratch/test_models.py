"""Pooling, padding, the tied decoder and the layer groups of the models from scratch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parity.small_jobs import (
    BPTT,
    CLASSES,
    SIZE,
    SOME_DROPOUT,
    TARGET_ARM,
    WORDS,
    classifier_recipe,
    classifier_weights,
    documents,
    language_model_weights,
    precision,
)

from harness.rates import NamedParameters
from harness.scratch.awd_lstm import PADDING
from harness.scratch.batches import whole_chunks
from harness.scratch.models import (
    Classifier,
    LanguageModel,
    classifier_groups,
    language_model_groups,
    masked_concat_pool,
)


def classifier() -> Classifier:
    """A classifier with dropout, for evaluation, in float64."""
    with precision(torch.float64):
        model = Classifier(WORDS, CLASSES, SIZE, classifier_recipe(SOME_DROPOUT))
        model.load_state_dict(classifier_weights())
        return model.eval()


MASKS = st.lists(st.lists(st.booleans(), min_size=6, max_size=6).filter(any), min_size=1, max_size=4)


@given(masks=MASKS, seed=st.integers(0, 99))
@settings(derandomize=True, max_examples=50, deadline=None)
def test_pooling_equals_what_each_document_gives_without_its_padding(masks: list[list[bool]], seed: int) -> None:
    real = torch.tensor(masks)
    outputs = torch.randn(*real.shape, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    outputs[~real] = 1e6
    expected = []
    for row, kept in zip(outputs, real, strict=True):
        steps = [step for step, is_real in zip(row.tolist(), kept.tolist(), strict=True) if is_real]
        columns = list(zip(*steps, strict=True))
        expected.append([*steps[-1], *map(max, columns), *(sum(column) / len(steps) for column in columns)])
    torch.testing.assert_close(masked_concat_pool(outputs, real), torch.tensor(expected, dtype=torch.float64))


@given(lengths=st.lists(st.integers(1, 7 * BPTT), min_size=1, max_size=7), seed=st.integers(0, 99))
@settings(derandomize=True, max_examples=25, deadline=None)
def test_a_documents_logits_are_the_same_alone_and_in_any_batch(lengths: list[int], seed: int) -> None:
    model = classifier()
    texts = documents(sorted(lengths, reverse=True), seed)
    together = model(whole_chunks(texts, BPTT))[0]
    for text, logits in zip(texts, together, strict=True):
        alone = model(whole_chunks([text], BPTT))[0]
        torch.testing.assert_close(logits, alone[0], rtol=1e-11, atol=1e-13)


def test_only_the_last_chunks_are_pooled_but_all_are_read() -> None:
    model = classifier()
    (text,) = documents([6 * BPTT])
    outputs, real = model.encode(whole_chunks([text], BPTT), None)
    assert outputs.shape == (1, 4 * BPTT, SIZE.embedding)
    assert bool(real.all())
    changed = text.copy()
    changed[0] += 1 if changed[0] < WORDS - 1 else -1
    moved, _ = model.encode(whole_chunks([changed], BPTT), None)
    assert not torch.equal(moved, outputs)


def test_chunks_that_are_not_pooled_get_no_gradient() -> None:
    model = classifier().train()
    (text,) = documents([6 * BPTT])
    text[:] = 10
    text[:BPTT] = 11
    logits, _ = model(whole_chunks([text, text[:-1]], BPTT), torch.Generator().manual_seed(0))
    torch.autograd.backward(logits[:, 0].pow(2).sum())
    gradient = model.encoder.embedding.weight.grad
    assert gradient is not None
    assert bool(gradient[10].any())
    assert not bool(gradient[11].any())


BAD_LAYOUTS = {
    "shortest first": [[1] * BPTT + [9] * BPTT, [9] * 2 * BPTT],
    "ends early": [[9] * 2 * BPTT, [9] * BPTT + [1] * BPTT],
    "starts late": [[9] * 2 * BPTT, [1] * 2 * BPTT],
}


@pytest.mark.parametrize("rows", BAD_LAYOUTS.values(), ids=list(BAD_LAYOUTS))
def test_documents_laid_out_otherwise_are_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="longest first"):
        classifier()(torch.tensor(rows))


def test_the_decoder_is_the_embedding_and_has_a_bias() -> None:
    model = LanguageModel(WORDS, SIZE, SOME_DROPOUT)
    model.load_state_dict(language_model_weights())
    model.eval()
    tokens = torch.tensor([[9, 10, 11]])
    logits, raw, dropped, _ = model(tokens, model.encoder.initial_state(1))
    assert torch.equal(raw, dropped)
    torch.testing.assert_close(logits, raw @ model.encoder.embedding.weight.T + model.decoder_bias)
    assert [tuple(p.shape) for p in model.parameters()].count((WORDS, SIZE.embedding)) == 1
    unread = WORDS - 1  # a word that is scored but not read: its row can only act through the decoder
    with torch.no_grad():
        model.encoder.embedding.weight[unread] += 1
        model.decoder_bias[12] += 3
    moved = model(tokens, model.encoder.initial_state(1))[0] - logits
    torch.testing.assert_close(moved[..., 12], torch.full((1, 3), 3.0))
    assert bool(moved[..., unread].all())
    assert not bool(moved[..., 13:unread].any())


def test_output_dropout_is_locked_and_spares_what_the_temporal_penalty_sees() -> None:
    model = LanguageModel(WORDS, SIZE, replace(SOME_DROPOUT, output=0.5)).train()
    model.load_state_dict(language_model_weights())
    tokens = torch.randint(9, WORDS, (30, 5), generator=torch.Generator().manual_seed(0))
    _, raw, dropped, _ = model(tokens, model.encoder.initial_state(30), torch.Generator().manual_seed(1))
    removed = dropped == 0
    assert not bool((raw == 0).any())
    assert torch.equal(removed, removed[:, :1].expand_as(removed))
    assert float(removed.double().mean()) == pytest.approx(0.5, abs=0.13)
    torch.testing.assert_close(dropped[~removed], 2 * raw[~removed])


def test_padding_is_embedded_as_zero_gradient() -> None:
    model = classifier().train()
    tokens = whole_chunks(documents([2 * BPTT, BPTT - 3]), BPTT)
    logits, _ = model(tokens, torch.Generator().manual_seed(0))
    torch.autograd.backward(logits.pow(2).sum())
    gradient = model.encoder.embedding.weight.grad
    assert gradient is not None
    assert not bool(gradient[PADDING].any())


def sizes(groups: dict[str, NamedParameters]) -> dict[str, int]:
    return {name: len(group) for name, group in groups.items()}


def test_classifier_groups_are_five_from_the_embedding_to_the_head() -> None:
    groups = classifier_groups(classifier())
    assert sizes(groups) == {"embedding": 1, "lstm-1": 4, "lstm-2": 4, "lstm-3": 4, "head": 6}
    assert list(groups) == ["embedding", "lstm-1", "lstm-2", "lstm-3", "head"]


def test_the_tied_embedding_sits_in_the_group_that_the_arm_names() -> None:
    model = LanguageModel(WORDS, SIZE, SOME_DROPOUT)
    top = language_model_groups(model, TARGET_ARM)
    assert list(top.items())[-1][0] == "embedding+decoder"
    assert [name for name, _ in top["embedding+decoder"]] == ["decoder_bias", "encoder.embedding.weight"]
    bottom = language_model_groups(model, replace(TARGET_ARM, embedding_group="bottom"))
    assert sizes(bottom) == {"embedding": 1, "lstm-1": 4, "lstm-2": 4, "lstm-3": 4, "decoder-bias": 1}
    assert next(iter(bottom)) == "embedding"
