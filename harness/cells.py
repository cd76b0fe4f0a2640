"""Stage 3: run one cell, from its starting weights to its record."""

from __future__ import annotations

import math
import resource
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import numpy as np
import torch
from pydantic import TypeAdapter

from harness.corpus.encoding import EncodedCorpus, LabelledDocuments, encode, label_subset
from harness.environment import environment, peak_memory_mib, reset_peak_memory, source_digest
from harness.jobs import ClassifierJob, ClassifierOutcome, Report, finite_or_none
from harness.metrics import pack_correct, split_metrics
from harness.probabilities import pack_probabilities
from harness.record import SCHEMA, Cost, Inputs, RealisedRates, Record, Result
from harness.seeds import classifier_seeds
from harness.specification import Cell, Hardware, cell_id
from harness.tasks import THREADS, parent_stage, product_key
from harness.weights import Weights, encoder_only, initial_head, initial_language_model, load, weights_digest
from harness.workplace import Workplace, implementation_module, oriented


def run_cell(cell: Cell, place: Workplace, report: Report) -> Record:
    """Train and measure one cell."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    reset_peak_memory()
    job, inputs, facts = _prepared(cell, place)
    outcome = implementation_module(cell.implementation).fine_tune_classifier(job, report)
    perplexity = facts.get("perplexity")
    return Record(
        schema=SCHEMA,
        cell=cell_id(cell),
        specification=cell,
        inputs=inputs,
        result=_result(job, outcome, float(cast(float, perplexity)) if perplexity is not None else None),
        cost=Cost(
            wall_seconds=round(time.perf_counter() - wall, 3),
            cpu_seconds=round(_cpu_seconds() - cpu, 3),
            training_tokens_per_second=round(outcome.tokens / outcome.seconds, 1),
            peak_memory_mib=round(peak_memory_mib(), 1),
        ),
        environment=environment(place.hardware, THREADS),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        probabilities=pack_probabilities(outcome.test_logits, job.test.labels),
    )


def _prepared(cell: Cell, place: Workplace) -> tuple[ClassifierJob, Inputs, dict[str, object]]:
    """The cell's job, what went into it, and the facts of its language model's making; all other texts are let go."""
    corpus = encode(cell.dataset, cell.recipe.size, place.sources)
    seeds = classifier_seeds(cell.dataset.reader, cell.repetition, cell.recipe.crossing)
    encoder, facts = _starting_encoder(cell, corpus, place, seeds)
    inputs = Inputs(
        corpus=corpus.digest,
        vocabulary=corpus.vocabulary_digest,
        start=None if cell.arm.start == "random" else weights_digest(encoder),
        source=source_digest(),
        seeds=seeds,
        dropped=corpus.dropped,
        language_model_rates=_language_model_rates(facts),
    )
    return _classifier_job(cell, corpus, encoder, seeds, place.hardware), inputs, facts


def _language_model_rates(facts: dict[str, object]) -> RealisedRates | None:
    """The rates of the starting model's last stage, from the facts stored with it."""
    return TypeAdapter(RealisedRates).validate_python(facts["rates"]) if "rates" in facts else None


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _starting_encoder(
    cell: Cell, corpus: EncodedCorpus, place: Workplace, seeds: dict[str, int]
) -> tuple[Weights, dict[str, object]]:
    """Encoder weights and the facts of their making; random ones where the arm has no language model."""
    parent = parent_stage(cell)
    if parent is None:
        return encoder_only(
            initial_language_model(len(corpus.vocabulary), cell.recipe.size, seeds["initialisation"])
        ), {}
    weights, facts = load(place.store.product_path(product_key(parent, place.hardware)))
    return encoder_only(weights), facts


def _classifier_job(
    cell: Cell, corpus: EncodedCorpus, encoder: Weights, seeds: dict[str, int], hardware: Hardware
) -> ClassifierJob:
    chosen = label_subset(corpus.train.labels, cell.dataset.labels, seeds["labels"])
    documents = tuple(corpus.train.documents[i].copy() for i in chosen)  # not views, which would keep all others too
    subset = LabelledDocuments(documents, corpus.train.labels[chosen])
    training, validation, test = (
        replace(part, documents=oriented(part.documents, cell.recipe.direction))
        for part in (subset, corpus.validation, corpus.test)
    )
    recipe, classes = cell.recipe.classifier, len(cell.dataset.classes)
    head = initial_head(cell.recipe.size.embedding, classes, recipe, seeds["head"])
    return ClassifierJob(
        size=cell.recipe.size,
        recipe=recipe,
        arm=cell.arm,
        base_rate=cell.base_rate,
        start=encoder | head,
        classes=classes,
        training=training,
        validation=validation,
        test=test,
        seeds=seeds,
        hardware=hardware,
    )


def _result(job: ClassifierJob, outcome: ClassifierOutcome, perplexity: float | None) -> Result:
    return Result(
        outcome="diverged" if _diverged(job, outcome) else "completed",
        test=split_metrics(outcome.test_logits, job.test.labels),
        validation=split_metrics(outcome.validation_logits, job.validation.labels),
        correct=pack_correct(outcome.test_logits, job.test.labels),
        epochs=outcome.epochs,
        rates=outcome.rates,
        displacement=_displacement(job.start, outcome),
        perplexity=perplexity,
    )


def _diverged(job: ClassifierJob, outcome: ClassifierOutcome) -> bool:
    """A loss or a logit that was not finite, or a last epoch no better than guessing from the class frequencies."""
    last = outcome.epochs[-1].training_loss
    frequencies = np.bincount(job.training.labels) / len(job.training.labels)
    chance = -float(sum(f * math.log(f) for f in frequencies if f > 0))
    finite = outcome.finite and bool(np.isfinite(outcome.validation_logits).all())  # the last step may spoil weights
    return not finite or last is None or last >= chance


def _displacement(start: Weights, outcome: ClassifierOutcome) -> dict[str, float | None]:
    """‖θ − θ₀‖ / ‖θ₀‖ of each layer group, in float64; None where a weight is not finite."""
    moved: dict[str, float | None] = {}
    for group, names in outcome.layers.items():
        before = torch.cat([start[name].double().flatten() for name in names])
        after = torch.cat([outcome.weights[name].double().flatten() for name in names])
        moved[group] = finite_or_none(float((after - before).norm() / before.norm()))
    return moved
