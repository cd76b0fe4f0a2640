"""The two stages of ULMFiT from scratch: fine-tuning the language model, then the classifier."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor, nn

from harness.corpus.encoding import LabelledDocuments
from harness.jobs import (
    EVALUATION_ROWS,
    ClassifierJob,
    ClassifierOutcome,
    Documents,
    LanguageModelJob,
    LanguageModelOutcome,
    Logits,
    RateLog,
    Report,
    as_fraction,
    finite_or_none,
    held_out_rows,
)
from harness.metrics import predictions
from harness.precision import prepare, products_in
from harness.rates import NamedParameters
from harness.record import Epoch
from harness.schedules import factors
from harness.scratch.awd_lstm import LayerState
from harness.scratch.batches import ClassifierBatches, LanguageModelBatches, moved
from harness.scratch.models import Classifier, LanguageModel, classifier_groups, language_model_groups
from harness.scratch.optimizer import LayerwiseOptimizer, adamw
from harness.scratch.penalties import penalties
from harness.unfreezing import trainable_groups
from harness.weights import EMBEDDING, Weights


def fine_tune_language_model(job: LanguageModelJob, report: Report) -> LanguageModelOutcome:
    """Train a language model on the job's text; see ``harness.jobs``."""
    prepare(job.hardware)
    with torch.device("meta"):  # no weights are drawn, so the global generator is left alone
        model = LanguageModel(len(job.start[EMBEDDING]), job.size, job.recipe.dropouts)
    model.to_empty(device=job.hardware.device).load_state_dict(job.start)
    before = perplexity(model, job.validation, job.recipe.bptt)
    trainer = _LanguageModelTrainer(model, job)
    losses: list[float] = []
    for epoch in range(job.recipe.epochs):
        losses.append(trainer.epoch())
        report(as_fraction(epoch, job.recipe.epochs), f"epoch {epoch + 1}: loss {losses[-1]:.3f}")
        if not math.isfinite(losses[-1]):
            break
    after = perplexity(model, job.validation, job.recipe.bptt)
    return LanguageModelOutcome(
        weights=_state(model),
        perplexity_before=before,
        perplexity=after,
        losses=tuple(losses),
        rates=trainer.log.realised(),
        tokens=len(losses) * trainer.batches.row_length * job.recipe.batch_size,
        seconds=trainer.seconds,
    )


class _LanguageModelTrainer:
    """One language model's training epochs, with its data order and dropout stream."""

    def __init__(self, model: LanguageModel, job: LanguageModelJob) -> None:
        recipe, groups = job.recipe, language_model_groups(model, job.arm)
        self.model, self.job = model, job
        self.optimizer = LayerwiseOptimizer(
            model, groups, (recipe.base_rate, job.arm.decay), adamw(recipe.optimization)
        )
        self.log = RateLog(tuple(groups), job.arm.decay)
        self.batches = LanguageModelBatches(job.documents, recipe.batch_size, recipe.bptt, job.seeds["order"])
        self.dropout = torch.Generator(job.hardware.device).manual_seed(job.seeds["dropout"])
        self.total_steps = len(self.batches) * recipe.epochs
        self.seconds = 0.0

    def epoch(self) -> float:
        """Train one epoch, from zero state, and return the mean cross-entropy per token, without penalties."""
        started = time.perf_counter()
        self.model.train()
        state = self.model.encoder.initial_state(self.job.recipe.batch_size)
        # Summed on the device and read once, so that no step waits for it.
        loss_sum, seen = torch.zeros((), dtype=torch.float64, device=self.job.hardware.device), 0
        for tokens, targets in self.batches:
            read, wanted = (moved(part, self.job.hardware.device) for part in (tokens, targets))
            loss, state = self._step(read, wanted, state)
            loss_sum += loss.double() * targets.numel()
            seen += targets.numel()
        mean = float(loss_sum) / seen
        self.seconds += time.perf_counter() - started
        return mean

    def _step(self, tokens: Tensor, targets: Tensor, state: list[LayerState]) -> tuple[Tensor, list[LayerState]]:
        with products_in(self.job.hardware):
            loss, raw, dropped, state = self.model.loss(tokens, targets, state, self.dropout)
        torch.autograd.backward(loss + penalties(raw, dropped, self.job.recipe.optimization))
        self.log.observe(self.optimizer.step(factors(self.job.arm.schedule, len(self.log.steps), self.total_steps)))
        return loss.detach(), state


@torch.no_grad()
def perplexity(model: LanguageModel, documents: Documents, bptt: int) -> float:
    """exp of the mean cross-entropy per token over documents joined to a stream; infinite on overflow."""
    model.eval()
    rows = held_out_rows(documents, bptt)
    device = model.decoder_bias.device
    state = model.encoder.initial_state(rows)
    loss_sum, seen = 0.0, 0
    for tokens, targets in LanguageModelBatches(documents, rows, bptt, None):
        logits, _, _, state = model(tokens.to(device), state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.to(device).flatten(), reduction="sum")
        loss_sum, seen = loss_sum + float(loss), seen + targets.numel()
    mean = loss_sum / seen
    return math.exp(mean) if mean < 700 else math.inf


def fine_tune_classifier(job: ClassifierJob, report: Report) -> ClassifierOutcome:
    """Train a classifier on the job's labelled documents; see ``harness.jobs``."""
    prepare(job.hardware)
    with torch.device("meta"):
        model = Classifier(len(job.start[EMBEDDING]), job.classes, job.size, job.recipe)
    model.to_empty(device=job.hardware.device).load_state_dict(job.start)
    groups = classifier_groups(model)
    trainer = _ClassifierTrainer(model, groups, job)
    epochs: list[Epoch] = []
    for epoch in range(job.recipe.epochs):
        trainer.optimizer.set_trainable(trainable_groups(job.arm.unfreezing, epoch, len(groups)))
        training_loss = trainer.epoch()
        validation_logits = _evaluate(model, job.validation, job)
        epochs.append(_epoch(epoch, training_loss, validation_logits, job.validation))
        report(as_fraction(epoch, job.recipe.epochs), f"epoch {epoch + 1}: loss {training_loss:.3f}")
        if not math.isfinite(training_loss):
            break
    layers = {name: tuple(parameter for parameter, _ in group) for name, group in groups.items()}
    return ClassifierOutcome(
        weights=_state(model),
        validation_logits=validation_logits,
        test_logits=_evaluate(model, job.test, job),
        epochs=tuple(epochs),
        rates=trainer.log.realised(),
        layers=layers,
        tokens=len(epochs) * int(trainer.batches.lengths.sum()),
        seconds=trainer.seconds,
        finite=all(epoch.training_loss is not None for epoch in epochs),
    )


class _ClassifierTrainer:
    """One classifier's training epochs, with its data order and dropout streams."""

    def __init__(self, model: Classifier, groups: dict[str, NamedParameters], job: ClassifierJob) -> None:
        recipe, training = job.recipe, job.training
        self.model, self.job = model, job
        self.optimizer = LayerwiseOptimizer(model, groups, (job.base_rate, job.arm.decay), adamw(recipe.optimization))
        self.log = RateLog(tuple(groups), job.arm.decay)
        self.batches = ClassifierBatches(training.documents, training.labels, recipe.batch_size, recipe.bptt)
        self.order = np.random.RandomState(job.seeds["order"])
        self.dropout = torch.Generator(job.hardware.device).manual_seed(job.seeds["dropout"])
        self.total_steps = self.batches.training_steps() * recipe.epochs
        self.seconds = 0.0

    def epoch(self) -> float:
        """Train one epoch and return the mean cross-entropy, without penalties."""
        started = time.perf_counter()
        self.model.train()
        # Summed on the device and read once, so that no step waits for it.
        loss_sum, seen = torch.zeros((), dtype=torch.float64, device=self.job.hardware.device), 0
        for tokens, labels in self.batches.training(self.order):
            loss = self._step(tokens, moved(labels, self.job.hardware.device))
            loss_sum += loss.double() * len(labels)
            seen += len(labels)
        mean = float(loss_sum) / seen
        self.seconds += time.perf_counter() - started
        return mean

    def _step(self, tokens: Tensor, labels: Tensor) -> Tensor:
        with products_in(self.job.hardware):
            logits, outputs = self.model(tokens, self.dropout)
        loss = nn.functional.cross_entropy(logits, labels)
        torch.autograd.backward(loss + penalties(outputs, outputs, self.job.recipe.optimization))
        self.log.observe(self.optimizer.step(factors(self.job.arm.schedule, len(self.log.steps), self.total_steps)))
        return loss.detach()


@torch.no_grad()
def _evaluate(model: Classifier, split: LabelledDocuments, job: ClassifierJob) -> Logits:
    """Logits (documents, classes) in the split's own order."""
    model.eval()
    batches = ClassifierBatches(split.documents, split.labels, EVALUATION_ROWS, job.recipe.bptt)
    with products_in(job.hardware):
        logits = torch.cat([model(tokens)[0] for tokens, _ in batches.evaluation()])
    ordered = torch.empty_like(logits)
    ordered[torch.from_numpy(batches.evaluation_order()).to(job.hardware.device)] = logits
    return ordered.float().cpu().numpy()


def _epoch(epoch: int, training_loss: float, logits: Logits, split: LabelledDocuments) -> Epoch:
    loss = float(nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(split.labels)))
    error = float((predictions(logits) != split.labels).mean())
    return Epoch(epoch, finite_or_none(training_loss), finite_or_none(loss), error)


def _state(model: nn.Module) -> Weights:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
