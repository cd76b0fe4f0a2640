"""The precision of matrix products in training: bfloat16 where the hardware has units for it, else float32.

Weights, optimizer moments, losses and sums stay in float32 either way. In bfloat16 the gradient that one product gives
its weight is rounded, and then added up in float32; the softmax of ``torch`` is in float32, the logits that fastai's
gets are rounded.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from harness.specification import Hardware


def deterministic_kernels() -> None:
    """Let this process use only kernels whose results repeat to the bit.

    torch then also fills all memory that it hands out, for code that reads what it never wrote. There is none here, and
    filling takes time. On CUDA, cuDNN's LSTMs repeat only where cuBLAS, when it starts, finds its workspaces told.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def flush_denormals() -> None:
    """Let this thread take what is nearer to 0 than float32's normal numbers, 1.2e-38, for 0.

    Some processors take many times as long over such numbers, and training meets them: an optimizer's moments
    decay to the smallest of them, and stay there, once the gradients of a layer that saturated are 0.
    """
    torch.set_flush_denormal(True)


def prepare(hardware: Hardware) -> None:
    """Let this process compute on ``hardware``, and CUDA in no less than its precision; nothing to do on a processor.

    Left alone, torch computes float32 LSTMs in TF32, and adds up parts of bfloat16 products in bfloat16.
    """
    device = torch.device(hardware.device)
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
        # torch heeds it for cuDNN's LSTMs of any precision: off, it would keep bfloat16 from its units too.
        torch.backends.cudnn.allow_tf32 = hardware.precision != "float32"


def products_in(hardware: Hardware) -> torch.autocast:
    """A context in which linear layers and LSTMs compute in the hardware's chosen precision.

    Each use of a weight casts it anew. A copy that autocast keeps for all uses, here the chunks of a document, would
    have its gradients added up in bfloat16.
    """
    device = torch.device(hardware.device).type
    return torch.autocast(device, torch.bfloat16, enabled=hardware.precision == "bfloat16", cache_enabled=False)


def full_precision(like: Tensor) -> torch.autocast:
    """A context, within ``products_in``, in which the device of ``like`` computes in the precision it is given."""
    return torch.autocast(like.device.type, enabled=False)


def product_dtype(like: Tensor) -> torch.dtype:
    """What the surrounding ``products_in`` asks for on the device of ``like``; else the dtype of ``like``."""
    device = like.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else like.dtype


def lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weights: list[Tensor], training: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """One LSTM layer with biases, in the precision of ``products_in``; (batch, time, inputs) → outputs, hidden, cell.

    CUDA's autocast casts what cuDNN's LSTMs read to float16, whatever it was asked for.
    """
    if x.device.type == "cuda":
        return packed_lstm(x, state, weights, training)
    return torch.lstm(x, state, weights, True, 1, 0.0, training, False, True)


def packed_lstm(
    x: Tensor, state: tuple[Tensor, Tensor], weights: list[Tensor], training: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The same without autocast, and with the weights in one piece of memory, into which cuDNN would copy them."""
    low = product_dtype(x)
    with full_precision(x):
        flat = torch.cat([weight.to(low).flatten() for weight in weights])
        pieces = torch.split(flat, [weight.numel() for weight in weights])
        packed = [piece.view_as(weight) for piece, weight in zip(pieces, weights, strict=True)]
        states = [part.to(low) for part in state]
        return torch.lstm(x.to(low), states, packed, True, 1, 0.0, training, False, True)
