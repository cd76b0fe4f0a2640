"""The penalties' values, and gradients that are those of autograd to the bit."""

from __future__ import annotations

import pytest
import torch

from harness.scratch.penalties import mean_square, mean_squared_change, penalties
from harness.specification import Optimization


def test_penalties_are_the_stated_multiples_of_the_mean_squares() -> None:
    raw = torch.tensor([[[1.0], [3.0], [7.0]], [[0.0], [0.0], [2.0]]])
    dropped = torch.tensor([[[2.0], [0.0], [0.0]], [[0.0], [0.0], [4.0]]])
    activation, temporal = (4 + 16) / 6, (4 + 16 + 0 + 4) / 4
    both = penalties(raw, dropped, Optimization(activation_penalty=2.0, temporal_penalty=3.0))
    assert float(both) == pytest.approx(2 * activation + 3 * temporal)
    assert float(penalties(raw[:1], dropped[:1], Optimization())) == pytest.approx(2 * 4 / 3)
    assert float(penalties(raw[:, :1], dropped[:, :1], Optimization())) == pytest.approx(2 * 4 / 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 2, 5), (2, 41, 7)])
def test_gradients_are_those_of_autograd_to_the_bit(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    outputs = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    ours, plain = (outputs.clone().requires_grad_() for _ in range(2))
    torch.autograd.backward(3 * mean_square(ours) + 5 * mean_squared_change(ours))
    torch.autograd.backward(3 * plain.pow(2).mean() + 5 * (plain[:, 1:] - plain[:, :-1]).pow(2).mean())
    assert ours.grad is not None
    assert plain.grad is not None
    assert torch.equal(ours.grad, plain.grad)
