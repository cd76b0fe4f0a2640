"""Chunks of long documents that are encoded twice, so that the memory of a step does not grow with their length.

A step's backward pass needs what every layer computed on the way. Of a batch of long documents that is the most memory
by far, so all but the last chunks forget it and compute it again when their turn comes; see ``torch.utils.checkpoint``.
Gradients are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from harness.scratch.awd_lstm import AwdLstm, LayerState, required

KEPT_TOKENS = 4096  # of a batch, padding included


def chunks_to_forget(rows_of_chunks: Sequence[int], bptt: int) -> int:
    """How many of the first chunks have to be encoded twice, so that the others have ``KEPT_TOKENS`` at most.

    The last, with which the backward pass begins, is kept in any case.
    """
    kept = tokens = 0
    for rows in reversed(rows_of_chunks):
        tokens += rows * bptt
        if tokens > KEPT_TOKENS:
            break
        kept += 1
    return len(rows_of_chunks) - max(kept, 1)


def encode_and_forget(
    encoder: AwdLstm, tokens: Tensor, state: list[LayerState], generator: torch.Generator | None
) -> tuple[Tensor, list[LayerState]]:
    """Encode tokens (batch, time) as ``encoder`` does in training, and again in the backward pass, with the same masks.

    Raises:
        ValueError: without a generator.
    """
    draws = required(generator)
    passes = iter((draws, draws.clone_state()))  # the first pass moves the generator on, the second draws as it did

    def encode(tokens: Tensor, state: list[LayerState]) -> tuple[Tensor, list[LayerState]]:
        encoded: tuple[Tensor, list[LayerState]] = encoder(tokens, state, next(passes))
        return encoded

    found: tuple[Tensor, list[LayerState]] = checkpoint(
        encode, tokens, state, use_reentrant=False, preserve_rng_state=False
    )
    return found
