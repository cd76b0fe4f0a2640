"""One process's copy of a language model in pre-training: its weights and gradients each one flat tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.general.recipe import PretrainingRecipe
from harness.general.sampling import SampledSoftmax, inclusion_probabilities
from harness.precision import products_in
from harness.scratch.awd_lstm import LayerState
from harness.scratch.models import LanguageModel
from harness.scratch.penalties import penalties
from harness.seeds import derive_seed
from harness.specification import Hardware
from harness.weights import Weights

Stream = NDArray[np.uint16]


def reading_order(stream: Stream, offsets: NDArray[np.int64], recipe: PretrainingRecipe) -> Stream:
    """Documents in a seeded order, joined, each reversed for a backward model; cut to whole rows.

    Returns:
        Ids, shape (shards · rows, tokens per row).

    Raises:
        ValueError: when the text is too short for one step.
    """
    order = np.random.default_rng(derive_seed(recipe.corpus.name, "general", recipe.seed, "order")).permutation(
        len(offsets) - 1
    )
    step = 1 if recipe.direction == "forward" else -1
    joined = np.concatenate([stream[offsets[i] : offsets[i + 1]][::step] for i in order])
    rows = recipe.shards * recipe.rows
    length = len(joined) // rows
    if length <= recipe.bptt:
        raise ValueError(f"{recipe.name}: {len(joined)} tokens are too few for one step of {recipe.step_tokens}")
    return joined[: rows * length].reshape(rows, length)


def total_steps(rows: Stream, recipe: PretrainingRecipe) -> int:
    """Optimizer steps: as many as declared, or as the text has."""
    return min(recipe.steps, int(rows.shape[1] - 1) // recipe.bptt)


def _noise_seed(recipe: PretrainingRecipe, step: int, shard: int) -> int:
    """A seed of its own for every shard of every step, so that no generator needs to be kept for a resume."""
    state = np.random.SeedSequence((recipe.seed, step, shard)).generate_state(1)
    return int(state.item())


class Replica:
    """The model, and what one shard's step adds to a flat gradient."""

    def __init__(self, recipe: PretrainingRecipe, start: Weights, rows: Stream, hardware: Hardware) -> None:
        self.recipe, self.hardware, self._rows = recipe, hardware, rows
        self.device = torch.device(hardware.device)
        words = len(start["decoder_bias"])
        self.model = LanguageModel(words, recipe.size, recipe.dropouts).to(self.device)
        self.parameters = list(self.model.parameters())
        self.flat = torch.cat([parameter.detach().reshape(-1) for parameter in self.parameters])
        for parameter, view in zip(self.parameters, self._views(self.flat), strict=True):
            parameter.data = view
        self.model.load_state_dict(start)
        self.model.train()
        # Row by row, since bincount takes a copy of 64 bits a token.
        counts = torch.from_numpy(sum(np.bincount(row, minlength=words) for row in rows))
        self._softmax = SampledSoftmax(inclusion_probabilities(counts, recipe.candidates).to(self.device))

    def _views(self, flat: Tensor) -> list[Tensor]:
        pieces = torch.split(flat, [parameter.numel() for parameter in self.parameters])
        return [piece.view_as(parameter) for piece, parameter in zip(pieces, self.parameters, strict=True)]

    def gradient(
        self, step: int, shard: int, state: Sequence[LayerState], into: Tensor
    ) -> tuple[Tensor, list[LayerState]]:
        """Set ``into`` (all weights,) to the gradient of one shard's loss; return the loss and the new state."""
        recipe = self.recipe
        into.zero_()
        for parameter, view in zip(self.parameters, self._views(into), strict=True):
            parameter.grad = view
        generator = torch.Generator(self.device).manual_seed(_noise_seed(recipe, step, shard))
        tokens, targets = self._batch(step, shard)
        with products_in(self.hardware):
            raw, dropped, after = self.model.encode(tokens, state, generator)
            weight, bias = self.model.encoder.embedding.weight, self.model.decoder_bias
            loss = self._softmax(dropped.flatten(0, 1), weight, bias, targets.flatten(), generator)
        torch.autograd.backward(loss + penalties(raw, dropped, recipe.optimization))
        return loss.detach(), after

    def _batch(self, step: int, shard: int) -> tuple[Tensor, Tensor]:
        rows = slice(shard * self.recipe.rows, (shard + 1) * self.recipe.rows)
        start = step * self.recipe.bptt
        piece = self._rows[rows, start : start + self.recipe.bptt + 1].astype(np.int64)
        read = torch.from_numpy(piece).to(self.device)
        return read[:, :-1], read[:, 1:]
