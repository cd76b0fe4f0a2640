"""Weights in 8 bits: near what they were, small, and refused when they are damaged."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_study import RECIPE

from harness.quantised import SCALE, dequantise, quantise
from harness.weights import WeightsError, initial_language_model


@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_weight_is_off_by_half_a_scale_of_its_row_at_most(rows: list[list[float]]) -> None:
    matrix = torch.tensor(rows)
    back = dequantise(quantise({"m": matrix}))["m"]
    scale = matrix.abs().amax(dim=1, keepdim=True) / 127
    assert bool(((back - matrix).abs() <= 0.5001 * scale + 1e-30).all())


def test_the_largest_weight_of_a_row_stays_and_a_row_of_zeros_is_zero() -> None:
    matrix = torch.tensor([[0.5, -2.54, 0.1], [0.0, 0.0, 0.0]])
    back = dequantise(quantise({"m": matrix}))["m"]
    assert back[0, 1] == pytest.approx(-2.54)
    assert back[1].tolist() == [0.0, 0.0, 0.0]


def test_every_tensor_of_a_language_model_comes_back_under_its_name_in_float32() -> None:
    weights = initial_language_model(24, RECIPE.size, seed=3)
    stored = quantise(weights)
    back = dequantise(stored)
    assert {name: tensor.shape for name, tensor in back.items()} == {n: t.shape for n, t in weights.items()}
    assert {tensor.dtype for tensor in back.values()} == {torch.float32}
    assert {stored[name].dtype for name, tensor in weights.items() if tensor.ndim == 2} == {torch.int8}


def test_plain_tensors_pass_through() -> None:
    assert dequantise({"m": torch.tensor([[0.5, 0.25]]).half()})["m"].tolist() == [[0.5, 0.25]]


def test_integers_without_their_scale_are_refused() -> None:
    stored = quantise({"m": torch.ones(2, 2)})
    del stored["m" + SCALE]
    with pytest.raises(WeightsError, match=r"m is stored in integers without m\.scale"):
        dequantise(stored)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(WeightsError, match="not finite"):
        quantise({"m": torch.tensor([[1.0, value]])})
