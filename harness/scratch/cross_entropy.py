"""Cross-entropy of a linear layer without its logits in memory: gradients are written down, chunk by chunk.

At a vocabulary of 10,000 the decoder costs more than the LSTMs below it. Autograd's way keeps logits, their
log-softmax and its gradient, each (tokens, words); here one chunk of them lives at a time, and since
∂loss/∂logits = softmax − one-hot, the forward pass leaves the gradients ready.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from harness.precision import full_precision, product_dtype

CHUNK_BYTES = 4 * 2**20  # of logits; larger chunks leave the cache, smaller ones make poor matrix products
# However many words there are: each chunk reads all weights, and adds to the gradient of all.
LEAST_ROWS = 96


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
    rows = max(LEAST_ROWS, CHUNK_BYTES // (bias.element_size() * len(weight)))
    into_inputs, into_weight, into_bias = (
        torch.zeros_like(tensor, dtype=bias.dtype) for tensor in (inputs, weight, bias)
    )
    total = bias.new_zeros(())
    for start in range(0, len(inputs), rows):
        part, wanted = inputs[start : start + rows], targets[start : start + rows, None]
        logits = (part @ weight.t()).to(bias.dtype).add_(bias)
        loss, excess = softmax_less_one_hot_(logits, wanted)
        total += loss
        into_bias += excess.sum(dim=0)
        excess = excess.to(weight.dtype)
        into_inputs[start : start + rows] = excess @ weight
        into_weight += excess.t() @ part
    scale = 1 / len(inputs)
    return total * scale, [into_inputs.mul_(scale), into_weight.mul_(scale), into_bias.mul_(scale)]


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
