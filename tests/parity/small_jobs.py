"""Tiny jobs, documents and weights that the tests of both implementations share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from harness.corpus.encoding import LabelledDocuments
from harness.jobs import ClassifierJob, Documents, LanguageModelJob
from harness.specification import (
    Arm,
    ClassifierRecipe,
    Dropouts,
    LanguageModelArm,
    LanguageModelRecipe,
    ModelSize,
    Schedule,
    Unfreezing,
)
from harness.weights import EMBEDDING, Weights, encoder_only, initial_head, initial_language_model

WORDS = 60
FIRST_WORD = 9  # ids below are special tokens; 1 is padding
BPTT = 8
CLASSES = 3
SIZE = ModelSize(embedding=8, hidden=12, layers=3, max_vocabulary=WORDS)
NO_DROPOUT = Dropouts(output=0, hidden=0, input=0, embedding=0, weight=0)
SOME_DROPOUT = Dropouts(output=0.2, hidden=0.15, input=0.25, embedding=0.1, weight=0.3)
SEEDS = {"order": 1, "dropout": 2}
# Sorted into batches of six, the third mixes documents of one chunk and of two whose last chunk is not full.
TRAINING_LENGTHS = (3, 60, 25, 14, 1, 40, 12, 30, 55, 9, 22, 2, 51, 13, 33, 27, 5, 44, 20, 18)
TARGET_ARM = LanguageModelArm("full+discr+stlr", schedule="stlr", decay=2.6)


def documents(lengths: Sequence[int], seed: int = 0) -> Documents:
    """Random documents of the given lengths."""
    generator = np.random.RandomState(seed)
    return tuple(generator.randint(FIRST_WORD, WORDS, length).astype(np.int64) for length in lengths)


def labelled(lengths: Sequence[int], seed: int = 0) -> LabelledDocuments:
    """Random documents whose label depends on their first token."""
    texts = documents(lengths, seed)
    return LabelledDocuments(texts, np.array([int(text[0]) % CLASSES for text in texts], dtype=np.int64))


def spread_lengths(count: int, longest: int = 60, seed: int = 0) -> list[int]:
    """Document lengths from 1 to ``longest``, with ties."""
    return [int(length) for length in np.random.RandomState(seed).randint(1, longest + 1, count)]


def language_model_weights(seed: int = 0) -> Weights:
    """A random language model in the default precision, with a decoder bias that is not zero.

    Its weights are larger than initial ones, so that every token and state shows in the output.
    """
    weights = {name: 3 * tensor for name, tensor in initial_language_model(WORDS, SIZE, seed).items()}
    bias = torch.empty(WORDS).uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(seed + 1))
    return in_default_precision(weights | {"decoder_bias": bias})


def classifier_weights(seed: int = 0) -> Weights:
    """A random encoder and head in the default precision, with batch norm statistics that are not 0 and 1."""
    weights = encoder_only(language_model_weights(seed))
    weights |= initial_head(SIZE.embedding, CLASSES, classifier_recipe(), seed)
    generator = torch.Generator().manual_seed(seed + 2)
    for name in ("norm_pooled", "norm_hidden"):
        mean, variance = weights[f"head.{name}.running_mean"], weights[f"head.{name}.running_var"]
        weights[f"head.{name}.running_mean"] = mean.clone().uniform_(-0.1, 0.1, generator=generator)
        weights[f"head.{name}.running_var"] = variance.clone().uniform_(0.01, 0.5, generator=generator)
    return in_default_precision(weights)


def in_default_precision(weights: Mapping[str, Tensor]) -> Weights:
    """The weights with all floating point tensors in torch's default type."""
    default = torch.get_default_dtype()
    return {name: tensor.to(default) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def classifier_recipe(dropouts: Dropouts = NO_DROPOUT) -> ClassifierRecipe:
    """Documents in chunks of ``BPTT`` tokens, of which the last four are pooled."""
    return ClassifierRecipe(
        epochs=2,
        batch_size=6,
        bptt=BPTT,
        max_length=4 * BPTT,
        head_hidden=10,
        head_dropout=0.1 if dropouts.output else 0.0,
        dropouts=dropouts,
    )


def language_model_job(dropouts: Dropouts = NO_DROPOUT, schedule: Schedule = "stlr") -> LanguageModelJob:
    """Two epochs of nine steps, the last of each on a short chunk."""
    texts = documents(spread_lengths(9))
    recipe = LanguageModelRecipe(epochs=2, batch_size=4, bptt=BPTT, base_rate=0.01, dropouts=dropouts)
    arm = replace(TARGET_ARM, schedule=schedule)
    return LanguageModelJob(SIZE, recipe, arm, language_model_weights(), texts, texts[:3], SEEDS)


def classifier_job(
    unfreezing: Unfreezing = "all", schedule: Schedule = "stlr", epochs: int = 2, dropouts: Dropouts = NO_DROPOUT
) -> ClassifierJob:
    """Twenty training documents, so four steps an epoch, the last on an incomplete batch."""
    return ClassifierJob(
        size=SIZE,
        recipe=replace(classifier_recipe(dropouts), epochs=epochs),
        arm=Arm("arm", unfreezing, schedule, decay=2.6, start=TARGET_ARM),
        base_rate=0.01,
        start=classifier_weights(),
        classes=CLASSES,
        training=labelled(TRAINING_LENGTHS, seed=4),
        validation=labelled(spread_lengths(7, seed=5), seed=6),
        test=labelled(spread_lengths(9, seed=7), seed=8),
        seeds=SEEDS,
    )


def not_finite(weights: Weights) -> Weights:
    """The same weights with an infinite embedding."""
    return weights | {EMBEDDING: torch.full_like(weights[EMBEDDING], torch.inf)}


def silent(fraction: float, message: str) -> None:
    """A report that goes nowhere."""


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Make and train models in ``dtype``, on one thread, so that sums are taken in one order."""
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(dtype)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
        torch.set_num_threads(threads)


def distance(left: Tensor, right: Tensor) -> float:
    """‖left − right‖ / ‖right‖, in float64; absolute where ``right`` is zero."""
    left, right = left.detach().double(), right.detach().double()
    return float((left - right).norm()) / (float(right.norm()) or 1.0)


def largest_distance(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> float:
    """The largest relative distance of two tensors of the same name; the names must be the same."""
    assert set(left) == set(right)
    return max(distance(left[name], right[name]) for name in left)
