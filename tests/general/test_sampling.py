"""The sampled softmax: who is drawn how often, and that what is not drawn is made up for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from harness.general import sampling
from harness.general.sampling import SampledSoftmax, inclusion_probabilities

SETTINGS = settings(derandomize=True, deadline=None, max_examples=40)
WORDS, WIDTH = 12, 3
ZIPF = torch.tensor([6000 // rank for rank in range(1, 31)])
EVERY = torch.ones(WORDS)


def problem(tokens: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, weight, bias, all wanting gradients, and targets."""
    generator = torch.Generator().manual_seed(tokens)
    shapes = ((tokens, WIDTH), (WORDS, WIDTH), (WORDS,))
    inputs, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes
    )
    return inputs, weight, bias, torch.randint(WORDS, (tokens,), generator=generator)


def drawing(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def full_loss(inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(nn.functional.linear(inputs, weight, bias), targets)


@SETTINGS
@given(counts=st.lists(st.integers(0, 5000), min_size=1, max_size=40).filter(any), share=st.floats(0.02, 1))
def test_probabilities_are_counts_cut_at_one_and_sum_to_what_is_asked(counts: list[int], share: float) -> None:
    candidates = max(1, int(share * sum(count > 0 for count in counts)))
    found = inclusion_probabilities(torch.tensor(counts), candidates).tolist()
    assert sum(found) == pytest.approx(candidates, rel=1e-5)
    assert all(probability == 0 for probability, count in zip(found, counts, strict=True) if count == 0)
    below = [(probability, count) for probability, count in zip(found, counts, strict=True) if 0 < probability < 1]
    scale = sum(probability for probability, _ in below) / max(1, sum(count for _, count in below))
    for probability, count in below:
        assert probability == pytest.approx(scale * count, rel=1e-4)
    certain = [count for probability, count in zip(found, counts, strict=True) if probability >= 1]
    assert all(scale * count >= 1 - 1e-4 for count in certain if below)


def test_the_most_frequent_words_are_certain_and_the_others_are_not() -> None:
    found = inclusion_probabilities(ZIPF, 12)
    certain = int((found == 1).sum())
    assert 1 < certain < 12
    assert bool((found[:certain] == 1).all())
    assert bool((found[certain:] < 1).all())
    assert found.dtype == torch.float32


def test_every_word_is_certain_where_as_many_are_asked_for_as_occur() -> None:
    counts = torch.tensor([3, 0, 5000, 1, 0])
    assert inclusion_probabilities(counts, 3).tolist() == [1, 0, 1, 1, 0]


def test_more_candidates_than_words_that_occur_are_refused() -> None:
    with pytest.raises(ValueError, match="4 candidates but only 3 words that occur"):
        inclusion_probabilities(torch.tensor([3, 0, 5000, 1, 0]), 4)


@pytest.mark.parametrize("rows", [1, 7, 20, 1000])
def test_with_every_word_certain_it_is_the_full_cross_entropy(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(sampling, "CHUNK_ROWS", rows)
    inputs, weight, bias, targets = problem(20)
    leaves = (inputs, weight, bias)
    ours = SampledSoftmax(EVERY)(*leaves, targets, drawing(0))
    theirs = full_loss(*leaves, targets)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-14)
    for found, expected in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_a_target_counts_once_whether_it_is_drawn_or_not(probability: float) -> None:
    inputs, weight, bias, _ = problem(6)
    target = 4
    targets = torch.full((6,), target)
    softmax = SampledSoftmax(EVERY.index_fill(0, torch.tensor([target]), probability))
    expected = full_loss(inputs, weight, bias, targets).item()
    losses = [softmax(inputs, weight, bias, targets, drawing(seed)).item() for seed in range(20)]
    assert losses == pytest.approx([expected] * 20, rel=1e-12)


def test_a_word_that_is_one_tokens_target_still_counts_against_the_others() -> None:
    inputs, weight, bias, _ = problem(2)
    targets = torch.tensor([4, 7])
    only = torch.zeros(WORDS).index_fill(0, targets, 1.0)
    logits = nn.functional.linear(inputs, weight, bias)[:, [4, 7]]
    expected = nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    torch.testing.assert_close(SampledSoftmax(only)(inputs, weight, bias, targets, drawing(0)), expected)


@pytest.mark.parametrize("target", [0, 5, 11], ids=["certain", "likely", "rare"])
def test_the_sum_over_all_words_is_estimated_without_bias(target: int) -> None:
    draws = 1000
    inputs, weight, bias, _ = (tensor.detach() for tensor in problem(1))
    probabilities = inclusion_probabilities(ZIPF[:WORDS], 5)
    softmax, targets, generator = SampledSoftmax(probabilities), torch.tensor([target]), drawing(target)
    logits = nn.functional.linear(inputs, weight, bias)[0]
    estimates = torch.stack(
        [(softmax(inputs, weight, bias, targets, generator) + logits[target]).exp() for _ in range(draws)]
    )
    terms = logits.exp()
    variances = terms.square() * (1 / probabilities.double() - 1)
    variances[target] = 0
    deviation = float(variances.sum()) ** 0.5
    assert float(estimates.std()) == pytest.approx(deviation, rel=0.15)
    assert float(estimates.mean()) == pytest.approx(float(terms.sum()), abs=3 * deviation / draws**0.5)


def test_only_the_drawn_words_and_the_targets_are_moved() -> None:
    inputs, weight, bias, _ = problem(5)
    targets = torch.tensor([4, 4, 7, 7, 4])
    only = torch.zeros(WORDS).index_fill(0, torch.tensor([1, 2]), 1.0)
    loss = SampledSoftmax(only)(inputs, weight, bias, targets, drawing(0))
    for gradient in torch.autograd.grad(loss, (weight, bias)):
        assert gradient.reshape(WORDS, -1).any(dim=1).nonzero().squeeze(1).tolist() == [1, 2, 4, 7]


@pytest.mark.parametrize("drawn", [[], [4]], ids=["nothing", "the target"])
def test_a_target_without_a_rival_costs_nothing_and_moves_nothing(drawn: list[int]) -> None:
    inputs, weight, bias, _ = problem(3)
    only = torch.zeros(WORDS).index_fill(0, torch.tensor(drawn, dtype=torch.int64), 1.0)
    loss = SampledSoftmax(only)(inputs, weight, bias, torch.full((3,), 4), drawing(0))
    assert loss.item() == 0
    for gradient in torch.autograd.grad(loss, (inputs, weight, bias)):
        assert not bool(gradient.any())  # nor is it NaN, which would be true


def test_the_generator_alone_decides_what_is_drawn() -> None:
    inputs, weight, bias, targets = problem(4)
    softmax = SampledSoftmax(inclusion_probabilities(ZIPF[:WORDS], 4))
    values: list[float] = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(values))
        values.append(softmax(inputs, weight, bias, targets, drawing(seed)).item())
    assert values[0] == values[1] != values[2]
