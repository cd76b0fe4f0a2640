"""Cross-entropy of a linear layer without its logits in memory: gradients are written down, chunk by chunk.

At a vocabulary of 10,000 the decoder costs more than the LSTMs below it. Autograd's way keeps logits, their
log-softmax and its gradient, each (tokens, words); here one chunk of them lives at a time, and since
∂loss/∂logits = softmax − one-hot, the forward pass leaves the gradients ready. The products that take them to the
inputs and the weight wait for several chunks, since each of them reads the weight, or adds to all of its gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from harness.precision import full_precision, product_dtype

CHUNK_BYTES = 4 * 2**20  # of logits; larger chunks leave the cache, smaller ones make poor matrix products
# However many words there are: each chunk reads all weights.
LEAST_ROWS = 96
HELD_BYTES = 32 * 2**20  # of gradients by logits, in the products' precision, that wait for them


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        low = product_dtype(inputs)
        with full_precision(inputs):
            loss, gradients = _loss_and_gradients(inputs.to(low), weight.to(low), bias, targets)
        ctx.save_for_backward(gradients[0].to(inputs.dtype), *gradients[1:])
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (*(saved * gradient for saved in ctx.saved_tensors), None)  # type: ignore[attr-defined]


def _loss_and_gradients(inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The mean loss, and its gradients by inputs, weight and bias, in the precision of ``bias``."""
    rows, held = _rows(CHUNK_BYTES, bias), _rows(HELD_BYTES, weight)
    into_inputs, into_weight, into_bias = (
        torch.zeros_like(tensor, dtype=bias.dtype) for tensor in (inputs, weight, bias)
    )
    total = bias.new_zeros(())
    for part, wanted, into in zip(*(torch.split(t, held) for t in (inputs, targets, into_inputs)), strict=True):
        excess = part.new_empty(len(part), len(weight))
        for some, words, into_logits in zip(*(torch.split(t, rows) for t in (part, wanted, excess)), strict=True):
            logits = (some @ weight.t()).to(bias.dtype).add_(bias)
            loss, gradient = softmax_less_one_hot_(logits, words[:, None])
            total += loss
            into_bias += gradient.sum(dim=0)
            into_logits.copy_(gradient)
        into.copy_(excess @ weight)
        into_weight += excess.t() @ part
    scale = 1 / len(inputs)
    return total * scale, [into_inputs.mul_(scale), into_weight.mul_(scale), into_bias.mul_(scale)]


def _rows(limit: int, like: Tensor) -> int:
    """How many rows, with a number of the precision of ``like`` for each word, stay below a limit in bytes."""
    return max(LEAST_ROWS, limit // (like.element_size() * len(like)))


def softmax_less_one_hot_(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the rows' cross-entropies, and its gradient by the logits, written over them.

    Args:
        logits: (rows, words); overwritten.
        targets: (rows, 1), columns.
    """
    logits -= logits.amax(dim=1, keepdim=True)
    total = -logits.gather(1, targets).sum()
    mass = logits.exp_().sum(dim=1, keepdim=True)
    total += mass.log().sum()
    return total, logits.div_(mass).scatter_add_(1, targets, logits.new_full(targets.shape, -1.0))


def linear_cross_entropy(inputs: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of ``softmax(inputs · weightᵀ + bias)``.

    Args:
        inputs: (tokens, width).
        weight: (words, width).
        bias: (words,).
        targets: (tokens,), word ids.
    """
    loss: Tensor = _LinearCrossEntropy.apply(inputs, weight, bias, targets)  # type: ignore[no-untyped-call]
    return loss
