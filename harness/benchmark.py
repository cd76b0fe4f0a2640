"""Training throughput of both implementations on the same batches, measured in turn in one process.

Random token ids of a fixed shape: speed does not depend on what the text says. Each round trains the same
number of batches with one implementation, then with the other; the ratio is taken round by round, so that a
machine whose speed drifts does not tilt it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from harness.corpus.encoding import LabelledDocuments
from harness.jobs import ClassifierJob, Documents, LanguageModelJob
from harness.memory import keep_freed_memory
from harness.precision import deterministic_kernels, flush_denormals
from harness.specification import Arm, Hardware, Implementation, LanguageModelArm, Recipe
from harness.weights import encoder_only, initial_head, initial_language_model
from harness.workplace import implementation_module

SHORT, LONG = 24, 216  # tokens a document: a sentence, three chunks

LANGUAGE_MODEL = LanguageModelArm("benchmark", schedule="constant", decay=2.6)
CLASSIFIER = Arm("benchmark", unfreezing="all", schedule="constant", decay=2.6, start="random")


def run_benchmark(
    recipe: Recipe, rounds: int, batches: int, sides: Mapping[Implementation, Hardware], console: Console
) -> None:
    """Print tokens per second of both implementations, medians over ``rounds``, and the median ratio.

    A measurement is ``batches`` training steps. ``sides`` says what each implementation computes with; the ratio is
    that of the first to the second.
    """
    deterministic_kernels()
    flush_denormals()
    keep_freed_memory()
    table = Table(title=f"training tokens/s, recipe {recipe.name}, {torch.get_num_threads()} thread(s)")
    named = [f"{side}, {hardware.precision}" for side, hardware in sides.items()]
    for heading in ("stage", *named, "/".join(sides), "range of the ratio"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, speed in _stages(recipe, batches, sides).items():
        pairs = [[speed(side) for side in sides] for _ in range(rounds + 1)][1:]  # the first round warms up
        ratios = [ours / theirs for ours, theirs in pairs]
        speeds = [f"{median(column):,.0f}" for column in zip(*pairs, strict=True)]
        table.add_row(name, *speeds, f"{median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}")
    console.print(table)


def _stages(
    recipe: Recipe, batches: int, sides: Mapping[Implementation, Hardware]
) -> dict[str, Callable[[Implementation], float]]:
    """Stage name to a function that trains once with an implementation and returns tokens per second."""
    size, target, classifier = recipe.size, recipe.target, recipe.classifier
    start = initial_language_model(size.max_vocabulary, size, seed=0)
    seeds = {"order": 0, "dropout": 0}
    text = _documents(batches * target.batch_size, target.bptt, size.max_vocabulary)
    language_model = LanguageModelJob(
        size, replace(target, epochs=1), LANGUAGE_MODEL, start, text, text[: 4 * target.batch_size], seeds
    )

    def train_language_model(side: Implementation) -> float:
        outcome = implementation_module(side).fine_tune_language_model(
            replace(language_model, hardware=sides[side]), _silent
        )
        return outcome.tokens / outcome.seconds

    def train_classifier(length: int) -> Callable[[Implementation], float]:
        documents = _documents(batches * classifier.batch_size, length, size.max_vocabulary)
        labelled = LabelledDocuments(documents, np.arange(len(documents)) % 2)
        small = LabelledDocuments(documents[:8], labelled.labels[:8])
        weights = encoder_only(start) | initial_head(size.embedding, 2, classifier, seed=0)
        job = ClassifierJob(
            size, replace(classifier, epochs=1), CLASSIFIER, 0.01, weights, 2, labelled, small, small, seeds
        )

        def train(side: Implementation) -> float:
            outcome = implementation_module(side).fine_tune_classifier(replace(job, hardware=sides[side]), _silent)
            return outcome.tokens / outcome.seconds

        return train

    return {
        f"language model, {target.batch_size} × {target.bptt}": train_language_model,
        f"classifier, {classifier.batch_size} × {SHORT} tokens": train_classifier(SHORT),
        f"classifier, {classifier.batch_size} × {LONG} tokens": train_classifier(LONG),
    }


def _documents(count: int, length: int, words: int) -> Documents:
    generator = np.random.default_rng(0)
    return tuple(generator.integers(9, words, size=length) for _ in range(count))


def _silent(_fraction: float, _message: str) -> None:
    """Report nothing."""
