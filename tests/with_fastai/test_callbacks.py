"""The callbacks freeze exactly what they say, measure what happened, and keep the loss finite."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.rnn import RNNRegularizer
from parity.small_jobs import SOME_DROPOUT, classifier_job, language_model_job, not_finite, silent
from torch import Tensor

from harness.jobs import RateLog
from harness.rates import discriminative_rates
from harness.specification import Optimization, Schedule, Unfreezing
from harness.unfreezing import trainable_groups
from harness.with_fastai.callbacks import SafeRnnRegularizer, ScheduledRates, TrainingLog, Unfreeze
from harness.with_fastai.training import classifier, fine_tune_classifier, fine_tune_language_model, language_model

GROUPS = 5


class Watcher(Callback):  # type: ignore[misc]
    """Notes at each step what the optimizer holds and at each epoch which groups moved."""

    order = 65

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[tuple[bool, ...]] = []
        self.state_sizes: list[int] = []
        self.rates: list[tuple[float, ...]] = []
        self.momenta: list[float] = []
        self.losses: list[tuple[float, int]] = []

    def groups(self) -> list[list[Tensor]]:
        return [[parameter.detach().clone() for parameter in group] for group in self.learn.opt.param_lists]

    def before_train(self) -> None:
        self.before = self.groups()
        self.state_sizes.append(sum("grad_avg" in state for state in self.learn.opt.state.values()))

    def after_step(self) -> None:
        self.rates.append(tuple(float(hyper["lr"]) for hyper in self.learn.opt.hypers))
        self.momenta.append(float(self.learn.opt.hypers[0]["mom"]))

    def after_batch(self) -> None:
        if self.learn.training:
            self.losses.append((float(self.learn.loss.detach()), len(self.learn.yb[0])))

    def after_train(self) -> None:
        pairs = zip(self.before, self.groups(), strict=True)
        self.moved.append(
            tuple(any(not torch.equal(x, y) for x, y in zip(left, right, strict=True)) for left, right in pairs)
        )


def watched(unfreezing: Unfreezing, schedule: Schedule, epochs: int) -> tuple[Watcher, TrainingLog, RateLog]:
    job = classifier_job(unfreezing, schedule, epochs, SOME_DROPOUT)
    job = replace(job, recipe=replace(job.recipe, optimization=Optimization(weight_decay=0.5)))
    learner, watcher, training = classifier(job), Watcher(), TrainingLog(silent)
    peaks = discriminative_rates(GROUPS, 0.01, 2.6)
    log = RateLog(tuple("abcde"), 2.6)
    with learner.no_bar(), learner.no_logging():
        learner.fit(
            epochs, lr=list(peaks), cbs=[Unfreeze(unfreezing), ScheduledRates(schedule, peaks, log), training, watcher]
        )
    return watcher, training, log


@pytest.mark.parametrize(("unfreezing", "epochs"), [("all", 1), ("last", 2), ("gradual", 6), ("chain-thaw", 7)])
def test_an_epoch_moves_exactly_the_groups_that_train_in_it(unfreezing: Unfreezing, epochs: int) -> None:
    watcher, _, log = watched(unfreezing, "constant", epochs)
    expected = [trainable_groups(unfreezing, epoch, GROUPS) for epoch in range(epochs)]
    assert watcher.moved == expected
    assert [tuple(rate > 0 for rate in step) for step in log.steps[::4]] == expected


def test_a_change_of_trainable_groups_forgets_the_moments_and_no_change_keeps_them() -> None:
    watcher, _, _ = watched("gradual", "constant", 7)
    assert watcher.state_sizes[:5] == [0] * 5
    assert watcher.state_sizes[5:] == [1 + 3 * 4 + 6] * 2


@pytest.mark.parametrize("schedule", ["stlr", "constant", "cosine", "one-cycle"])
def test_no_schedule_flattens_the_ratios_between_groups(schedule: Schedule) -> None:
    watcher, _, log = watched("all", schedule, 3)
    assert log.steps == watcher.rates
    assert len(log.steps) == 12
    for rates in log.steps:
        for lower, upper in pairwise(rates):
            assert upper / lower == pytest.approx(2.6, rel=1e-12)
    assert (len(set(watcher.rates)) == 1) == (schedule == "constant")
    assert (len(set(watcher.momenta)) > 1) == (schedule == "one-cycle")


def test_the_training_log_holds_each_epochs_mean_over_documents() -> None:
    watcher, training, _ = watched("all", "stlr", 3)
    assert len(training.mean_losses) == 3
    for epoch, mean in enumerate(training.mean_losses):
        batches = watcher.losses[4 * epoch : 4 * epoch + 4]
        assert [size for _, size in batches].count(2) == 1
        expected = sum(loss * size for loss, size in batches) / sum(size for _, size in batches)
        assert mean == pytest.approx(expected, rel=1e-9)
    assert training.train_seconds > 0


def test_the_training_log_reports_every_epoch() -> None:
    reports: list[tuple[float, str]] = []
    fine_tune_classifier(classifier_job(), lambda fraction, message: reports.append((fraction, message)))
    assert [fraction for fraction, _ in reports] == [0.5, 1.0]
    assert [message[:7] for _, message in reports] == ["epoch 1", "epoch 2"]


def test_a_classifier_that_diverges_says_so_and_stops() -> None:
    job = classifier_job("all", "constant", epochs=6)
    outcome = fine_tune_classifier(replace(job, start=not_finite(job.start)), silent)
    assert not outcome.finite
    assert [epoch.training_loss for epoch in outcome.epochs] == [None]
    assert outcome.test_logits.shape == (9, job.classes)


def test_a_language_model_that_diverges_stops() -> None:
    job = language_model_job()
    outcome = fine_tune_language_model(replace(job, start=not_finite(job.start)), silent)
    assert len(outcome.losses) == 1
    assert not math.isfinite(outcome.losses[0])


def penalised(regularizer: type[RNNRegularizer], time: int) -> float:
    """The loss after the penalties on an encoder output of two rows and ``time`` steps, from a loss of 0."""
    callback: Any = regularizer(alpha=2.0, beta=1.0)
    output = torch.arange(2.0 * time).reshape(2, time, 1)
    callback.learn = SimpleNamespace(
        loss_grad=torch.tensor(0.0), training=True, rnn=SimpleNamespace(raw_out=output, out=output)
    )
    for _ in range(2):  # the second call must still have its settings
        callback.learn.loss_grad = torch.tensor(0.0)
        callback.after_loss()
    return float(callback.learn.loss_grad)


def test_a_chunk_of_one_token_has_a_finite_penalty_where_the_stock_one_is_nan() -> None:
    assert math.isnan(penalised(RNNRegularizer, 1))
    assert penalised(SafeRnnRegularizer, 1) == pytest.approx(2 * 0.5)


def test_a_longer_chunk_has_the_stock_penalties() -> None:
    assert penalised(SafeRnnRegularizer, 3) == penalised(RNNRegularizer, 3) == pytest.approx(2 * 55 / 6 + 1)


@pytest.mark.parametrize("make", ["language model", "classifier"])
def test_learners_use_the_safe_penalties_once(make: str) -> None:
    learner = language_model(language_model_job()) if make == "language model" else classifier(classifier_job())
    kinds = [type(callback) for callback in learner.cbs if isinstance(callback, RNNRegularizer)]
    assert kinds == [SafeRnnRegularizer]


def test_weight_drop_of_a_fastai_learner_acts_in_training_and_its_raw_weights_train() -> None:
    learner = language_model(language_model_job(SOME_DROPOUT))
    before = learner.model[0].rnns[0].weight_hh_l0_raw.detach().clone()
    seen: list[float] = []

    class Zeros(Callback):  # type: ignore[misc]
        def after_pred(self) -> None:
            weight = self.learn.model[0].rnns[0].module.weight_hh_l0
            seen.append(float((weight == 0).double().mean()))

    with learner.no_bar(), learner.no_logging():
        learner.fit(1, lr=[0.01] * 4, cbs=[Zeros()])
    training, held_out = seen[: len(learner.dls.train)], seen[len(learner.dls.train) :]
    assert sum(training) / len(training) == pytest.approx(0.3, abs=0.03)
    assert len(set(training)) > 1
    assert set(held_out) == {0.0}
    assert not torch.equal(learner.model[0].rnns[0].weight_hh_l0_raw.detach(), before)
