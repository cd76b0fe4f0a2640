"""The chunked cross-entropy of a linear layer gives torch's loss and gradients, whatever the chunks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from harness.scratch import cross_entropy
from harness.scratch.cross_entropy import linear_cross_entropy

Problem = tuple[Tensor, Tensor, Tensor, Tensor]  # inputs, weight, bias, targets
SIZES = {"usual": (40, 6, 30), "one token": (1, 5, 9), "two words": (7, 3, 2), "width one": (9, 1, 12)}


def problem(tokens: int, width: int, words: int, dtype: torch.dtype = torch.float64) -> Problem:
    """Random leaves that want gradients, and targets that use some words twice and others not at all."""
    generator = torch.Generator().manual_seed(tokens + words)
    shapes = ((tokens, width), (words, width), (words,))
    inputs, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes
    )
    return inputs, weight, bias, torch.randint(words, (tokens,), generator=generator)


def torchs(inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(nn.functional.linear(inputs, weight, bias), targets)


def gradients(loss: Tensor, given: Problem) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, given[:3])


def assert_same_as_torch(given: Problem) -> None:
    ours, theirs = linear_cross_entropy(*given), torchs(*given)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-14)
    for found, expected in zip(gradients(ours, given), gradients(theirs, given), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_loss_and_gradients_are_torchs(size: tuple[int, int, int]) -> None:
    assert_same_as_torch(problem(*size))


def limit(monkeypatch: pytest.MonkeyPatch, words: int, rows: int, held: int, least: int = 1) -> None:
    """Let a chunk have ``rows`` rows of float64 logits, and ``held`` rows of them wait for the products."""
    monkeypatch.setattr(cross_entropy, "LEAST_ROWS", least)
    monkeypatch.setattr(cross_entropy, "CHUNK_BYTES", rows * words * 8)
    monkeypatch.setattr(cross_entropy, "HELD_BYTES", held * words * 8)


@pytest.mark.parametrize("held", [0, 1, 4, 6, 10])
@pytest.mark.parametrize("rows", [0, 1, 3, 5, 10])
def test_chunks_change_nothing_with_or_without_a_remainder(
    monkeypatch: pytest.MonkeyPatch, rows: int, held: int
) -> None:
    words = 11
    limit(monkeypatch, words, rows, held)
    assert_same_as_torch(problem(10, 4, words))


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes how many numbers the largest tensor has, of one precision or of any, that any operation returns."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype = dtype
        self.numbers = 0

    def __torch_dispatch__(
        self, operation: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        returned = operation(*args, **(kwargs or {}))
        if isinstance(returned, Tensor) and self.dtype in (None, returned.dtype):
            self.numbers = max(self.numbers, returned.numel())
        return returned


def test_the_logits_never_lie_in_memory_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, width, words, rows = 90, 2, 64, 5
    given = problem(tokens, width, words)
    with LargestTensor() as plain:
        torch.autograd.backward(torchs(*given))
    assert plain.numbers == tokens * words
    limit(monkeypatch, words, rows, held=3 * rows)
    with LargestTensor() as chunked:
        torch.autograd.backward(linear_cross_entropy(*given))
    assert chunked.numbers == 3 * rows * words


def test_a_large_vocabulary_does_not_make_chunks_of_a_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, width, words, rows = 90, 2, 64, 30
    limit(monkeypatch, words, 1, held=1, least=rows)
    given = problem(tokens, width, words)
    with LargestTensor() as chunked:
        torch.autograd.backward(linear_cross_entropy(*given))
    assert chunked.numbers == rows * words
    assert_same_as_torch(given)


def test_the_logits_in_full_precision_are_one_chunk_whatever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, width, words, rows = 90, 2, 64, 5
    limit(monkeypatch, words, rows, held=tokens)
    given = problem(tokens, width, words, torch.float32)
    with LargestTensor(torch.float32) as chunked, torch.autocast("cpu", torch.bfloat16):
        torch.autograd.backward(linear_cross_entropy(*given))
    assert chunked.numbers == 2 * rows * words  # half the bytes a number that the limit was made for


def test_gradients_are_those_of_finite_differences() -> None:
    inputs, weight, bias, targets = problem(5, 3, 7)

    def loss(*leaves: Tensor) -> Tensor:
        return linear_cross_entropy(leaves[0], leaves[1], leaves[2], targets)

    assert torch.autograd.gradcheck(loss, (inputs, weight, bias))


def test_a_factor_above_the_loss_scales_every_gradient() -> None:
    given = problem(*SIZES["usual"])
    once = gradients(linear_cross_entropy(*given), given)
    for found, unscaled in zip(gradients(3 * linear_cross_entropy(*given), given), once, strict=True):
        torch.testing.assert_close(found, 3 * unscaled, rtol=1e-13, atol=0)


def test_a_second_derivative_is_refused_and_not_taken_for_zero() -> None:
    given = problem(*SIZES["usual"])
    (slope,) = torch.autograd.grad(linear_cross_entropy(*given).square(), given[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(slope.sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_stay_finite(dtype: torch.dtype) -> None:
    inputs = torch.tensor([[1e4], [-1e4], [1e4]], dtype=dtype, requires_grad=True)
    weight = torch.tensor([[1.0], [0.0], [-1.0]], dtype=dtype, requires_grad=True)
    bias = torch.tensor([1e4, 0, -1e4], dtype=dtype, requires_grad=True)
    given = (inputs, weight, bias, torch.tensor([0, 2, 2]))
    loss = linear_cross_entropy(*given)
    # Its word wins by 20,000, ties with both others, and loses by 40,000.
    assert loss.item() == pytest.approx((0 + math.log(3) + 4e4) / 3)
    for found, expected in zip(gradients(loss, given), gradients(torchs(*given), given), strict=True):
        assert bool(found.isfinite().all())
        torch.testing.assert_close(found, expected)


def test_autocast_multiplies_in_low_precision_and_keeps_the_parameters_type() -> None:
    given = problem(60, 16, 40, torch.float32)
    exact_loss = linear_cross_entropy(*given)
    exact = gradients(exact_loss, given)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(*given)
    found = gradients(loss, given)
    assert {loss.dtype, *(gradient.dtype for gradient in found)} == {torch.float32}
    assert 0 < abs(loss.item() - exact_loss.item()) < 0.01 * exact_loss.item()
    for low, full in zip(found, exact, strict=True):
        assert 0 < float((low - full).norm()) < 0.01 * float(full.norm())
