"""The precision of matrix products in training: bfloat16 where the hardware has units for it, else float32.

Weights, their gradients, optimizer moments, softmax, losses and sums stay in float32 either way.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.specification import Hardware


def deterministic_kernels() -> None:
    """Let this process use only kernels whose results repeat to the bit.

    torch then also fills all memory that it hands out, for code that reads what it never wrote. There is none here, and
    filling takes time.
    """
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def products_in(hardware: Hardware) -> torch.autocast:
    """A context in which linear layers and LSTMs compute in the hardware's chosen precision."""
    device = torch.device(hardware.device).type
    return torch.autocast(device, torch.bfloat16, enabled=hardware.precision == "bfloat16")


def full_precision(like: Tensor) -> torch.autocast:
    """A context, within ``products_in``, in which the device of ``like`` computes in the precision it is given."""
    return torch.autocast(like.device.type, enabled=False)


def product_dtype(like: Tensor) -> torch.dtype:
    """What the surrounding ``products_in`` asks for on the device of ``like``; else the dtype of ``like``."""
    device = like.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else like.dtype
