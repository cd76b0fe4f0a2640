"""The two models of ULMFiT on top of the AWD-LSTM: language model and document classifier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from harness.precision import full_precision
from harness.rates import NamedParameters, layer_groups
from harness.scratch.awd_lstm import PADDING, AwdLstm, Dropout, LayerState
from harness.scratch.batches import moved
from harness.scratch.cross_entropy import linear_cross_entropy
from harness.scratch.recompute import chunks_to_forget, encode_and_forget
from harness.specification import ClassifierRecipe, Dropouts, LanguageModelArm, ModelSize


class LanguageModel(nn.Module):
    """AWD-LSTM with a decoder whose weight is the embedding (tied) and whose bias is its own."""

    def __init__(self, words: int, size: ModelSize, dropouts: Dropouts) -> None:
        super().__init__()
        self.encoder = AwdLstm(words, size, dropouts)
        self.output_dropout = Dropout(dropouts.output, shared=(1,))
        self.decoder_bias = nn.Parameter(torch.zeros(words))

    def forward(
        self, tokens: Tensor, state: list[LayerState], generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor, list[LayerState]]:
        """Score the next token at every position of tokens (batch, time).

        Returns:
            Logits (batch, time, words), the raw and the dropped-out encoder output (batch, time, embedding; for
            TAR and AR), and the new state.
        """
        raw, dropped, state = self.encode(tokens, state, generator)
        logits = nn.functional.linear(dropped, self.encoder.embedding.weight, self.decoder_bias)
        return logits, raw, dropped, state

    def loss(
        self, tokens: Tensor, targets: Tensor, state: list[LayerState], generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor, Tensor, list[LayerState]]:
        """As ``forward``, with the mean cross-entropy of targets (batch, time) instead of the logits."""
        raw, dropped, state = self.encode(tokens, state, generator)
        decoder = self.encoder.embedding.weight, self.decoder_bias
        return linear_cross_entropy(dropped.flatten(0, 1), *decoder, targets.flatten()), raw, dropped, state

    def encode(
        self, tokens: Tensor, state: Sequence[LayerState], generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor, list[LayerState]]:
        """The raw and the dropped-out encoder output (batch, time, embedding) and the new state."""
        low, after = self.encoder(tokens, state, generator)
        raw = low.to(self.decoder_bias.dtype)
        return raw, self.output_dropout(raw, generator), after


class ConcatPoolingHead(nn.Module):
    """[last state, maximum, mean] over time → batch norm → dropout → linear → ReLU → the same → classes."""

    def __init__(self, width: int, classes: int, recipe: ClassifierRecipe) -> None:
        super().__init__()
        self.norm_pooled = nn.BatchNorm1d(3 * width)
        self.dropout_pooled = Dropout(recipe.dropouts.output)
        self.hidden = nn.Linear(3 * width, recipe.head_hidden, bias=False)
        self.norm_hidden = nn.BatchNorm1d(recipe.head_hidden)
        self.dropout_hidden = Dropout(recipe.head_dropout)
        self.output = nn.Linear(recipe.head_hidden, classes, bias=False)

    def forward(self, outputs: Tensor, real: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Classify encoder outputs (batch, time, width); ``real`` (batch, time) marks what is not padding."""
        pooled = self.dropout_pooled(self.norm_pooled(masked_concat_pool(outputs, real)), generator)
        hidden = self.norm_hidden(torch.relu(self.hidden(pooled)))
        logits: Tensor = self.output(self.dropout_hidden(hidden, generator))
        return logits


def masked_concat_pool(outputs: Tensor, real: Tensor) -> Tensor:
    """[last real state, maximum, mean] over the real time steps: (batch, time, width) → (batch, 3·width).

    Source: Howard & Ruder 2018, section 3.3; fastai's ``masked_concat_pool``.
    """
    mask = real.unsqueeze(-1)
    positions = torch.arange(real.shape[1], device=real.device)
    last = torch.where(real, positions, -1).amax(dim=1)
    final = outputs[torch.arange(len(outputs), device=outputs.device), last]
    mean = outputs.masked_fill(~mask, 0).sum(dim=1) / mask.sum(dim=1)
    maximum = outputs.masked_fill(~mask, -torch.inf).amax(dim=1)
    return torch.cat([final, maximum, mean], dim=1)


class Classifier(nn.Module):
    """AWD-LSTM over chunks of a document (BPT3C) and a concat-pooling head."""

    def __init__(self, words: int, classes: int, size: ModelSize, recipe: ClassifierRecipe) -> None:
        """Build the model for ``words`` word ids and ``classes`` classes.

        Raises:
            ValueError: unless ``recipe.max_length`` is a positive multiple of ``recipe.bptt``.
        """
        super().__init__()
        if recipe.max_length < recipe.bptt or recipe.max_length % recipe.bptt:
            raise ValueError(f"max_length {recipe.max_length} is not a positive multiple of bptt {recipe.bptt}")
        self.encoder = AwdLstm(words, size, recipe.dropouts)
        self.head = ConcatPoolingHead(size.embedding, classes, recipe)
        self.bptt = recipe.bptt
        self.pooled_chunks = recipe.max_length // recipe.bptt

    def forward(self, tokens: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Classify documents (batch, width), longest first, laid out by ``batches.whole_chunks``, on the processor.

        Returns:
            Logits (batch, classes) and the encoder outputs that were pooled (batch, time, width).
        """
        outputs, real = self.encode(tokens, generator)
        with full_precision(outputs):  # the head costs nothing, and its logits are compared
            return self.head(outputs, real, generator), outputs

    def encode(self, tokens: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Run the encoder chunk by chunk, carrying the state on; a document joins at its first chunk.

        Chunks before the last ``pooled_chunks`` only move the state, so they keep no graph; of the others the first may
        be computed twice (``recompute``).

        Raises:
            ValueError: unless each document starts on a chunk border and reaches the last chunk, longest first.
        """
        rows_of_chunks = _rows_of_chunks(tokens, self.bptt)  # before the tokens move, so that no chunk waits for a GPU
        tokens = moved(tokens, self.head.hidden.weight.device)
        chunks = torch.split(tokens, self.bptt, dim=1)
        forgotten = chunks_to_forget(rows_of_chunks, self.bptt) if self._spares_memory(tokens) else 0
        outputs: list[Tensor] = []
        state = self.encoder.initial_state(0)
        for index, (chunk, rows) in enumerate(zip(chunks, rows_of_chunks, strict=True)):
            pooled = index >= len(chunks) - self.pooled_chunks
            with torch.set_grad_enabled(torch.is_grad_enabled() and pooled):
                state = _grow(state, self.encoder.initial_state(rows - state[0][0].shape[1]))
                encode = self.encoder if index >= forgotten else partial(encode_and_forget, self.encoder)
                output, state = encode(chunk[:rows], state, generator)
            if pooled:
                outputs.append(nn.functional.pad(output, (0, 0, 0, 0, 0, len(tokens) - rows)))
        kept = tokens[:, (len(chunks) - len(outputs)) * self.bptt :]
        return torch.cat(outputs, dim=1).to(self.head.hidden.weight.dtype), kept != PADDING

    def _spares_memory(self, tokens: Tensor) -> bool:
        """Whether a backward pass will follow, on a device whose memory is the machine's."""
        return self.training and torch.is_grad_enabled() and tokens.device.type != "cuda"


def _rows_of_chunks(tokens: Tensor, bptt: int) -> list[int]:
    """How many documents each chunk has."""
    starts = tokens[:, ::bptt] != PADDING
    nested = bool((starts[:, 1:] >= starts[:, :-1]).all() and (starts[1:] <= starts[:-1]).all())
    if not nested or not bool(starts[:, -1].all()):
        raise ValueError("documents must be laid out by batches.whole_chunks, longest first")
    rows: list[int] = starts.sum(dim=0).tolist()
    return rows


def _grow(state: list[LayerState], new: list[LayerState]) -> list[LayerState]:
    return [
        (torch.cat([hidden, new_hidden], dim=1), torch.cat([cell, new_cell], dim=1))
        for (hidden, cell), (new_hidden, new_cell) in zip(state, new, strict=True)
    ]


def language_model_groups(model: LanguageModel, arm: LanguageModelArm) -> dict[str, NamedParameters]:
    """Layer groups, lowest first, by name. The tied embedding sits on top (as in fastai) or at the bottom."""
    layers = {f"lstm-{i + 1}": [f"encoder.layers.{i}"] for i in range(len(model.encoder.layers))}
    if arm.embedding_group == "top":
        wanted = layers | {"embedding+decoder": ["encoder.embedding", "decoder_bias"]}
    else:
        wanted = {"embedding": ["encoder.embedding"]} | layers | {"decoder-bias": ["decoder_bias"]}
    return dict(zip(wanted, layer_groups(model, list(wanted.values())), strict=True))


def classifier_groups(model: Classifier) -> dict[str, NamedParameters]:
    """Layer groups, lowest first, by name: embedding, each LSTM, head."""
    layers = {f"lstm-{i + 1}": [f"encoder.layers.{i}"] for i in range(len(model.encoder.layers))}
    wanted = {"embedding": ["encoder.embedding"]} | layers | {"head": ["head"]}
    return dict(zip(wanted, layer_groups(model, list(wanted.values())), strict=True))
