"""The two stages of ULMFiT from scratch: fine-tuning the language model, then the classifier."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from torch import Tensor, nn

from harness.corpus.encoding import LabelledDocuments
from harness.jobs import (
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
)
from harness.record import Epoch
from harness.schedules import factors
from harness.scratch.batches import ClassifierBatches, LanguageModelBatches
from harness.scratch.models import Classifier, LanguageModel, classifier_groups, language_model_groups
from harness.scratch.optimizer import LayerwiseOptimizer, adamw
from harness.specification import Optimization
from harness.unfreezing import trainable_groups
from harness.weights import EMBEDDING, Weights

EVALUATION_ROWS = 64


def penalties(raw: Tensor, dropped: Tensor, optimization: Optimization) -> Tensor:
    """AR on the dropped-out and TAR on the raw encoder output (batch, time, width), padding included.

    Source: Merity et al. 2018, section 4; fastai's ``RNNRegularizer``, which also skips TAR for a batch of one.
    """
    total = optimization.activation_penalty * dropped.pow(2).mean()
    if len(raw) > 1 and raw.shape[1] > 1:
        total = total + optimization.temporal_penalty * (raw[:, 1:] - raw[:, :-1]).pow(2).mean()
    return total


def fine_tune_language_model(job: LanguageModelJob, report: Report) -> LanguageModelOutcome:
    """Train a language model on the job's text; see ``harness.jobs``."""
    model = LanguageModel(len(job.start[EMBEDDING]), job.size, job.recipe.dropouts).to(job.device)
    model.load_state_dict(job.start)
    before = perplexity(model, job.validation, job.recipe.bptt)
    groups = language_model_groups(model, job.arm)
    optimizer = LayerwiseOptimizer(model, groups, (job.recipe.base_rate, job.arm.decay), adamw(job.recipe.optimization))
    batches = LanguageModelBatches(job.documents, job.recipe.batch_size, job.recipe.bptt, job.seeds["order"])
    generator = torch.Generator(job.device).manual_seed(job.seeds["dropout"])
    log, losses = RateLog(tuple(groups), job.arm.decay), []
    started, total = time.perf_counter(), len(batches) * job.recipe.epochs
    for epoch in range(job.recipe.epochs):
        losses.append(_language_model_epoch(model, batches, optimizer, generator, (job, log)))
        report(as_fraction(len(log.steps) - 1, total), f"epoch {epoch + 1}: loss {losses[-1]:.3f}")
    seconds = time.perf_counter() - started
    tokens = job.recipe.epochs * batches.row_length * job.recipe.batch_size
    after = perplexity(model, job.validation, job.recipe.bptt)
    return LanguageModelOutcome(_state(model), before, after, tuple(losses), log.realised(), tokens, seconds)


def _language_model_epoch(
    model: LanguageModel,
    batches: LanguageModelBatches,
    optimizer: LayerwiseOptimizer,
    generator: torch.Generator,
    job_and_log: tuple[LanguageModelJob, RateLog],
) -> float:
    job, log = job_and_log
    model.train()
    state = model.encoder.initial_state(job.recipe.batch_size)
    loss_sum, seen = torch.zeros((), dtype=torch.float64), 0
    for tokens, targets in batches:
        logits, raw, dropped, state = model(tokens.to(job.device), state, generator)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.to(job.device).flatten())
        torch.autograd.backward(loss + penalties(raw, dropped, job.recipe.optimization))
        log.observe(optimizer.step(factors(job.arm.schedule, len(log.steps), len(batches) * job.recipe.epochs)))
        loss_sum += loss.detach().cpu().double() * targets.numel()
        seen += targets.numel()
    return float(loss_sum) / seen


@torch.no_grad()
def perplexity(model: LanguageModel, documents: Documents, bptt: int) -> float:
    """exp of the mean cross-entropy per token over documents joined to a stream; infinite on overflow."""
    model.eval()
    rows = min(EVALUATION_ROWS, max(1, sum(map(len, documents)) // (2 * bptt)))
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
    model = Classifier(len(job.start[EMBEDDING]), job.classes, job.size, job.recipe).to(job.device)
    model.load_state_dict(job.start)
    groups = classifier_groups(model)
    optimizer = LayerwiseOptimizer(model, groups, (job.base_rate, job.arm.decay), adamw(job.recipe.optimization))
    batches = ClassifierBatches(job.training.documents, job.training.labels, job.recipe.batch_size, job.recipe.bptt)
    trainer = _ClassifierTrainer(model, optimizer, batches, job, RateLog(tuple(groups), job.arm.decay))
    epochs: list[Epoch] = []
    for epoch in range(job.recipe.epochs):
        optimizer.set_trainable(trainable_groups(job.arm.unfreezing, epoch, len(groups)))
        training_loss = trainer.epoch()
        epochs.append(_epoch(epoch, training_loss, _evaluate(model, job.validation, job), job.validation))
        report(as_fraction(epoch, job.recipe.epochs), f"epoch {epoch + 1}: loss {training_loss:.3f}")
        if not math.isfinite(training_loss):
            break
    layers = {name: tuple(parameter for parameter, _ in group) for name, group in groups.items()}
    return ClassifierOutcome(
        weights=_state(model),
        validation_logits=_evaluate(model, job.validation, job),
        test_logits=_evaluate(model, job.test, job),
        epochs=tuple(epochs),
        rates=trainer.log.realised(),
        layers=layers,
        tokens=len(epochs) * int(batches.lengths.sum()),
        seconds=trainer.seconds,
        finite=all(epoch.training_loss is not None for epoch in epochs),
    )


class _ClassifierTrainer:
    """One classifier's training epochs, with its data order and dropout streams."""

    def __init__(
        self,
        model: Classifier,
        optimizer: LayerwiseOptimizer,
        batches: ClassifierBatches,
        job: ClassifierJob,
        log: RateLog,
    ) -> None:
        self.model, self.optimizer, self.batches, self.job, self.log = model, optimizer, batches, job, log
        self.order = np.random.RandomState(job.seeds["order"])
        self.dropout = torch.Generator(job.device).manual_seed(job.seeds["dropout"])
        self.total_steps = batches.training_steps() * job.recipe.epochs
        self.seconds = 0.0

    def epoch(self) -> float:
        """Train one epoch and return the mean cross-entropy, without penalties."""
        started = time.perf_counter()
        self.model.train()
        loss_sum, seen = torch.zeros((), dtype=torch.float64), 0
        for tokens, labels in self.batches.training(self.order):
            loss = self._step(tokens.to(self.job.device), labels.to(self.job.device))
            loss_sum += loss.cpu().double() * len(labels)
            seen += len(labels)
        self.seconds += time.perf_counter() - started
        return float(loss_sum) / seen

    def _step(self, tokens: Tensor, labels: Tensor) -> Tensor:
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
    logits = torch.cat([model(tokens.to(job.device))[0] for tokens, _ in batches.evaluation()])
    ordered = torch.empty_like(logits)
    ordered[torch.from_numpy(batches.evaluation_order()).to(job.device)] = logits
    return ordered.float().cpu().numpy()


def _epoch(epoch: int, training_loss: float, logits: Logits, split: LabelledDocuments) -> Epoch:
    loss = float(nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(split.labels)))
    error = float((np.nan_to_num(logits).argmax(axis=1) != split.labels).mean())
    return Epoch(epoch, finite_or_none(training_loss), finite_or_none(loss), error)


def _state(model: nn.Module) -> Weights:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
