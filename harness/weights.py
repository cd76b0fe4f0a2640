"""Model weights as plain tensors: names, initial values, vocabulary matching, files, digests.

Both implementations read and write this one naming, so a language model trained by one starts the other and
weights can be compared tensor by tensor::

    encoder.embedding.weight, encoder.layers.<i>.{weight_ih, weight_hh, bias_ih, bias_hh}, decoder_bias
    head.{norm_pooled, norm_hidden}.{weight, bias, running_mean, running_var, num_batches_tracked},
    head.{hidden, output}.weight
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from harness.specification import ClassifierRecipe, ModelSize

Weights = dict[str, Tensor]

EMBEDDING = "encoder.embedding.weight"
DECODER_BIAS = "decoder_bias"


class WeightsError(ValueError):
    """Weights that cannot be used; the message names the file or tensor and the fault."""


def initial_language_model(words: int, size: ModelSize, seed: int) -> Weights:
    """Random AWD-LSTM weights with decoder bias, drawn as fastai does.

    Embedding U(−0.1, 0.1); LSTM weights and biases U(−1/√units, 1/√units), torch's default; bias 0.
    """
    generator = torch.Generator().manual_seed(seed)
    widths = [size.embedding] + [size.hidden] * (size.layers - 1) + [size.embedding]
    weights: Weights = {EMBEDDING: _uniform((words, size.embedding), 0.1, generator)}
    for layer, (inputs, units) in enumerate(pairwise(widths)):
        shapes = {"weight_ih": (4 * units, inputs), "weight_hh": (4 * units, units), "bias_ih": (4 * units,)}
        for name, shape in (shapes | {"bias_hh": (4 * units,)}).items():
            weights[f"encoder.layers.{layer}.{name}"] = _uniform(shape, 1 / math.sqrt(units), generator)
    return weights | {DECODER_BIAS: torch.zeros(words)}


def initial_head(width: int, classes: int, recipe: ClassifierRecipe, seed: int) -> Weights:
    """Random head weights: linear U(−1/√inputs, 1/√inputs), torch's default; batch norm 1 and 1e-3, fastai's."""
    generator = torch.Generator().manual_seed(seed)
    hidden = recipe.head_hidden
    weights: Weights = {}
    for name, inputs, outputs in (("hidden", 3 * width, hidden), ("output", hidden, classes)):
        weights[f"head.{name}.weight"] = _uniform((outputs, inputs), 1 / math.sqrt(inputs), generator)
    for name, features in (("norm_pooled", 3 * width), ("norm_hidden", hidden)):
        weights[f"head.{name}.weight"] = torch.ones(features)
        weights[f"head.{name}.bias"] = torch.full((features,), 1e-3)
        weights[f"head.{name}.running_mean"] = torch.zeros(features)
        weights[f"head.{name}.running_var"] = torch.ones(features)
        weights[f"head.{name}.num_batches_tracked"] = torch.tensor(0)
    return weights


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def encoder_only(weights: Mapping[str, Tensor]) -> Weights:
    """The part of a language model that a classifier starts from."""
    return {name: tensor for name, tensor in weights.items() if name.startswith("encoder.")}


def match_vocabulary(weights: Weights, old: Sequence[str], new: Sequence[str]) -> Weights:
    """Carry a language model over to another vocabulary; new words get the mean embedding and the mean bias.

    Source: fastai's ``match_embeds``, which does as the authors' released script.

    Raises:
        WeightsError: when ``old`` does not have one word per embedding row.
    """
    embedding, bias = weights[EMBEDDING], weights[DECODER_BIAS]
    if len(old) != len(embedding):
        raise WeightsError(f"the vocabulary has {len(old)} words but the embedding {len(embedding)} rows")
    index = {word: row for row, word in reversed(list(enumerate(old)))}
    rows = torch.tensor([index.get(word, -1) for word in new])
    known = rows >= 0
    matched = torch.where(known[:, None], embedding[rows.clamp(min=0)], embedding.mean(dim=0))
    matched_bias = torch.where(known, bias[rows.clamp(min=0)], bias.mean())
    return {**weights, EMBEDDING: matched, DECODER_BIAS: matched_bias}


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values; independent of order and file format."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save(weights: Mapping[str, Tensor], path: Path, facts: Mapping[str, object]) -> None:
    """Write weights as safetensors with their digest and ``facts`` (JSON values) in the header."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    text = json.dumps(facts, sort_keys=True)
    header = {"digest": weights_digest(tensors), "facts": text, "facts_digest": _text_digest(text)}
    save_file(tensors, str(path), metadata=header)


def load(path: Path, digest: str | None = None) -> tuple[Weights, dict[str, object]]:
    """Read weights and facts; check their digest against the header, and against ``digest`` where given.

    Raises:
        WeightsError: when the file is missing, truncated, changed, or not the one asked for.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: cannot be read as safetensors ({error}); delete it to have it made again"
        ) from error
    found = weights_digest(weights)
    for expected in (header.get("digest"), digest or found):
        if expected != found:
            raise WeightsError(f"{path}: weights have digest {found}, expected {expected}; restore or delete the file")
    text = header.get("facts", "{}")
    if header.get("facts_digest") != _text_digest(text):
        raise WeightsError(f"{path}: the facts in its header were changed; restore or delete the file")
    facts: dict[str, object] = json.loads(text)
    return weights, facts


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
