"""AWD-LSTM (Merity et al. 2018) as ULMFiT uses it: an LSTM stack with four kinds of dropout.

State and randomness are arguments. Weight drop acts on the weights handed to the LSTM kernel, never on the
stored ones, so there is no raw copy that could miss its gradient or stay dropped in evaluation. In training
mode a ``torch.Generator`` is required, since a forgotten one would silently unpair the arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from harness.precision import lstm
from harness.specification import Dropouts, ModelSize

PADDING = 1  # id of xxpad in every vocabulary, as in fastai

LayerState = tuple[Tensor, Tensor]  # hidden and cell state, each (1, batch, units)


def dropout_mask(shape: Sequence[int], probability: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """A mask of 0 and 1/(1 − p), to multiply with; on the device and in the precision of ``like``."""
    keep = torch.empty(tuple(shape), dtype=like.dtype, device=like.device)
    return keep.bernoulli_(1 - probability, generator=generator).div_(1 - probability)


class Dropout(nn.Module):
    """Dropout whose mask is shared along chosen dimensions and drawn from an explicit generator."""

    def __init__(self, probability: float, shared: tuple[int, ...] = ()) -> None:
        """``shared`` lists dimensions with one mask value, for example ``(1,)`` for time in (batch, time, units)."""
        super().__init__()
        self.probability = probability
        self.shared = shared

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Mask ``x`` in training mode; return it unchanged in evaluation mode or at probability 0.

        Raises:
            ValueError: in training mode without a generator.
        """
        if not self.training or self.probability == 0:
            return x
        shape = [1 if dimension in self.shared else size for dimension, size in enumerate(x.shape)]
        return x * dropout_mask(shape, self.probability, x, required(generator))


def required(generator: torch.Generator | None) -> torch.Generator:
    """The generator, or a ValueError where training forgot it."""
    if generator is None:
        raise ValueError("training needs a torch.Generator for its dropout masks")
    return generator


class EmbeddingWithDropout(nn.Embedding):
    """Word embedding whose dropout removes whole words: one mask value per vocabulary entry and call."""

    def __init__(self, words: int, width: int, probability: float) -> None:
        super().__init__(words, width, padding_idx=PADDING)
        self.row_dropout = Dropout(probability)

    def lookup(self, tokens: Tensor, generator: torch.Generator | None) -> Tensor:
        """Embed tokens (batch, time) → (batch, time, width)."""
        rows = self.row_dropout(self.weight.new_ones(self.num_embeddings, 1), generator)
        embedded: Tensor = self(tokens)
        return embedded if not self.training else embedded * rows[tokens]


class WeightDropLstm(nn.Module):
    """One LSTM layer with DropConnect on its hidden-to-hidden weight, drawn anew at every call (Merity et al. 2018)."""

    def __init__(self, inputs: int, units: int, probability: float) -> None:
        super().__init__()
        self.units = units
        self.weight_ih = nn.Parameter(torch.empty(4 * units, inputs))
        self.weight_hh = nn.Parameter(torch.empty(4 * units, units))
        self.bias_ih = nn.Parameter(torch.empty(4 * units))
        self.bias_hh = nn.Parameter(torch.empty(4 * units))
        self.weight_dropout = Dropout(probability)

    def forward(self, x: Tensor, state: LayerState, generator: torch.Generator | None) -> tuple[Tensor, LayerState]:
        """Map (batch, time, inputs) to (batch, time, units) and the state after the last time step."""
        weights = [self.weight_ih, self.weight_dropout(self.weight_hh, generator), self.bias_ih, self.bias_hh]
        output, hidden, cell = lstm(x, state, weights, self.training)
        return output, (hidden, cell)


class AwdLstm(nn.Module):
    """Embedding and LSTM stack; the last layer is as wide as the embedding, so that a decoder can be tied to it."""

    def __init__(self, words: int, size: ModelSize, dropouts: Dropouts) -> None:
        super().__init__()
        self.embedding = EmbeddingWithDropout(words, size.embedding, dropouts.embedding)
        widths = [size.embedding] + [size.hidden] * (size.layers - 1) + [size.embedding]
        self.layers = nn.ModuleList(
            WeightDropLstm(inputs, units, dropouts.weight) for inputs, units in pairwise(widths)
        )
        self.input_dropout = Dropout(dropouts.input, shared=(1,))
        self.hidden_dropout = Dropout(dropouts.hidden, shared=(1,))

    def initial_state(self, batch: int) -> list[LayerState]:
        """Zero states for ``batch`` sequences, one pair a layer."""
        like = self.embedding.weight
        return [(like.new_zeros(1, batch, units), like.new_zeros(1, batch, units)) for units in self._units()]

    def _units(self) -> list[int]:
        return [layer.units for layer in self.layers if isinstance(layer, WeightDropLstm)]

    def forward(
        self, tokens: Tensor, state: Sequence[LayerState], generator: torch.Generator | None = None
    ) -> tuple[Tensor, list[LayerState]]:
        """Encode tokens (batch, time) from ``state``.

        Returns:
            The last layer's raw output (batch, time, embedding), and the new state, detached: gradients stop at
            the borders of chunks (BPTT). No dropout follows the last layer, as in fastai.
        """
        x = self.input_dropout(self.embedding.lookup(tokens, generator), generator)
        after: list[LayerState] = []
        for index, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            x, (hidden, cell) = layer(x, before, generator)
            after.append((hidden.detach(), cell.detach()))
            if index < len(self.layers) - 1:
                x = self.hidden_dropout(x, generator)
        return x, after
