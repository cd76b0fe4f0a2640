"""Weights in 8 bits, as a general language model ships: each row of a matrix an integer a weight and one scale.

A row's scale is its largest magnitude over 127, so a weight is off by half a scale at most. Vectors, which are few,
stay float16. Symmetric per-row quantisation after training, as in Jacob et al. 2018 (section 2.1) without an offset.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from harness.weights import Weights, WeightsError

SCALE = ".scale"  # of the matrix whose name stands before it
LARGEST = 127


def quantise(weights: Mapping[str, Tensor]) -> Weights:
    """Matrices (rows, columns) as int8 with their scales (rows, 1), float32; everything else as float16.

    Raises:
        WeightsError: when a weight is not finite.
    """
    stored: Weights = {}
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{name} has weights that are not finite; it cannot be stored in 8 bits")
        if tensor.ndim == 2:
            scale = tensor.abs().amax(dim=1, keepdim=True).float().clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
            stored[name], stored[name + SCALE] = (tensor / scale).round().to(torch.int8), scale
        else:
            stored[name] = tensor.half()
    return stored


def dequantise(stored: Mapping[str, Tensor]) -> Weights:
    """Float32 weights of what :func:`quantise` made, or of plain tensors of any precision.

    Raises:
        WeightsError: when integers come without their scale.
    """
    weights: Weights = {}
    for name, tensor in stored.items():
        if name.endswith(SCALE):
            continue
        if not tensor.is_floating_point() and name + SCALE not in stored:
            raise WeightsError(f"{name} is stored in integers without {name + SCALE}; restore the file")
        weights[name] = tensor.float() * stored[name + SCALE] if name + SCALE in stored else tensor.float()
    return weights
