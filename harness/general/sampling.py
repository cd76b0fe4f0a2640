"""Sampled softmax: cross-entropy against a few words instead of the whole vocabulary.

Each word joins the candidates of a step on its own with a known probability π, 1 for the most frequent ones
(Poisson sampling). Dividing a candidate's weight in the softmax by its π makes the sum over candidates an
unbiased estimate of the sum over all words, the correction of Jean et al. 2015 (section 3) and Bengio &
Senécal 2008. The target itself is always counted, and once.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from harness.precision import full_precision, product_dtype
from harness.scratch.cross_entropy import softmax_less_one_hot_

CHUNK_ROWS = 320  # of logits at a time: those of 1,500 candidates stay in the cache


def inclusion_probabilities(counts: Tensor, candidates: int) -> Tensor:
    """π of each word, shape of ``counts``: proportional to its count, at most 1, and ``candidates`` in sum.

    Raises:
        ValueError: when fewer words have a count than candidates are asked for.
    """
    weights = counts.double().clamp(min=0)
    if candidates > int((weights > 0).sum()):
        raise ValueError(f"{candidates} candidates but only {int((weights > 0).sum())} words that occur")
    low, high = 0.0, float(candidates / weights[weights > 0].min())
    for _ in range(200):  # the sum grows with the scale, so halving the interval finds it
        middle = (low + high) / 2
        if float((weights * middle).clamp(max=1).sum()) < candidates:
            low = middle
        else:
            high = middle
    return (weights * high).clamp(max=1).float()


class SampledSoftmax:
    """Cross-entropy of a tied decoder over a sample of words that is drawn anew at every call."""

    def __init__(self, probabilities: Tensor) -> None:
        """``probabilities`` (words,): π of each word."""
        self.probabilities = probabilities

    def __call__(
        self, inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Mean cross-entropy.

        Args:
            inputs: (tokens, width).
            weight: (words, width).
            bias: (words,).
            targets: (tokens,), word ids.
            generator: draws the candidates.
        """
        drawn = torch.rand(self.probabilities.shape, generator=generator, device=inputs.device)
        candidates = (drawn < self.probabilities).nonzero().squeeze(1)
        correction = self.probabilities[candidates].log()
        loss: Tensor = _Sampled.apply(inputs, weight, bias, targets, candidates, correction)  # type: ignore[no-untyped-call]
        return loss


class _Sampled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        candidates: Tensor,
        correction: Tensor,
    ) -> Tensor:
        low = product_dtype(inputs)
        with full_precision(inputs):
            loss, gradients = _loss_and_gradients(
                inputs.to(low), weight.to(low), bias, targets, (candidates, correction)
            )
        ctx.save_for_backward(gradients[0].to(inputs.dtype), *gradients[1:])
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (*(saved * gradient for saved in ctx.saved_tensors), None, None, None)  # type: ignore[attr-defined]


def _loss_and_gradients(
    inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, sample: tuple[Tensor, Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """The mean loss, and its gradients by inputs, weight and bias, in the precision of ``bias``.

    ``sample`` are the candidates (candidates,) and the logarithms of their π.
    """
    candidates, correction = sample
    into_inputs, into_weight, into_bias = (
        torch.zeros_like(tensor, dtype=bias.dtype) for tensor in (inputs, weight, bias)
    )
    places = torch.full_like(bias, -1, dtype=torch.long)
    places[candidates] = torch.arange(len(candidates), device=places.device)
    chosen, corrected, last = weight[candidates], bias[candidates] - correction, len(candidates)
    into_chosen, total = into_weight.new_zeros(chosen.shape), bias.new_zeros(())
    for part, wanted, into in zip(*(torch.split(t, CHUNK_ROWS) for t in (inputs, targets, into_inputs)), strict=True):
        logits = bias.new_empty(len(part), last + 1)  # the last column is the target's
        torch.add(part @ chosen.t(), corrected, out=logits[:, :last])
        of_targets = weight[wanted].to(bias.dtype)
        logits[:, last] = (part * of_targets).sum(dim=1) + bias[wanted]
        drawn = (places[wanted] >= 0).nonzero().squeeze(1)
        logits[drawn, places[wanted[drawn]]] = -torch.inf
        loss, excess = softmax_less_one_hot_(logits, wanted.new_full((len(part), 1), last))
        total += loss
        among, itself = excess[:, :last].to(weight.dtype), excess[:, last:]
        torch.add(among @ chosen, itself * of_targets, out=into)
        into_chosen += among.t() @ part
        into_weight.index_add_(0, wanted, itself * part)
        into_bias.index_add_(0, wanted, itself.squeeze(1)).index_add_(0, candidates, excess[:, :last].sum(dim=0))
    into_weight.index_add_(0, candidates, into_chosen)
    scale = 1 / len(inputs)
    return total * scale, [into_inputs.mul_(scale), into_weight.mul_(scale), into_bias.mul_(scale)]
