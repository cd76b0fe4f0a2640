"""The penalties on what the encoder puts out: on its size (AR) and on its change over time (TAR)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from harness.specification import Optimization


def penalties(raw: Tensor, dropped: Tensor, optimization: Optimization) -> Tensor:
    """AR on the dropped-out and TAR on the raw encoder output (batch, time, width), padding included.

    Source: Merity et al. 2018, section 4; fastai's ``RNNRegularizer``, which also skips TAR for a batch of one.
    """
    total = optimization.activation_penalty * mean_square(dropped)
    if len(raw) > 1 and raw.shape[1] > 1:
        total = total + optimization.temporal_penalty * mean_squared_change(raw)
    return total


def mean_square(x: Tensor) -> Tensor:
    """The mean of the squares of ``x``, of any shape."""
    square: Tensor = _MeanSquare.apply(x)  # type: ignore[no-untyped-call]
    return square


def mean_squared_change(raw: Tensor) -> Tensor:
    """The mean of the squared change from each time step to the next; raw: (batch, time, width), time of 2 or more."""
    change: Tensor = _MeanSquaredChange.apply(raw)  # type: ignore[no-untyped-call]
    return change


# Left alone, autograd keeps or makes several tensors of the size of ``x`` on the way to each of these gradients.


class _MeanSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square().mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        scaled: Tensor = (2 * x).mul_(gradient / x.numel())
        return scaled


class _MeanSquaredChange(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x[:, 1:] - x[:, :-1]).square_().mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        change = x[:, 1:] - x[:, :-1]
        change.mul_(2).mul_(gradient / change.numel())
        both = torch.zeros_like(x)
        both[:, 1:] = change
        both[:, :-1] -= change
        return both
