"""Callbacks that put the study's schedules, unfreezing and measurements into a fastai ``Learner``."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from fastai.callback.core import Callback, CancelFitException
from fastai.callback.rnn import RNNRegularizer

from harness.jobs import RateLog, Report, as_fraction
from harness.schedules import factors
from harness.specification import Schedule, Unfreezing
from harness.unfreezing import trainable_groups


class ScheduledRates(Callback):  # type: ignore[misc]
    """Multiply every group's peak rate by the schedule's factor before each batch, and log the rates really used.

    ``Learner.train_iter`` counts optimizer steps over the whole fit, so the schedule spans all epochs.
    """

    order = 60  # where fastai's own ParamScheduler runs
    run_valid = False

    def __init__(self, schedule: Schedule, peaks: Sequence[float], log: RateLog) -> None:
        super().__init__()
        self.schedule, self.peaks, self.log = schedule, tuple(peaks), log

    def before_batch(self) -> None:
        """Set this step's rates, and the momentum where the schedule has one."""
        total = self.learn.n_epoch * len(self.learn.dls.train)
        step = factors(self.schedule, self.learn.train_iter, total)
        self.learn.opt.set_hyper("lr", [peak * step.rate for peak in self.peaks])
        if step.beta1 is not None:
            self.learn.opt.set_hyper("mom", step.beta1)

    def after_step(self) -> None:
        """Read the rates back from the optimizer; a group whose parameters are all frozen counts as 0."""
        optimizer = self.learn.opt
        self.log.observe(
            [
                float(hyper["lr"]) if any(parameter.requires_grad for parameter in group) else 0.0
                for group, hyper in zip(optimizer.param_lists, optimizer.hypers, strict=True)
            ]
        )


class Unfreeze(Callback):  # type: ignore[misc]
    """Freeze and unfreeze layer groups at the start of an epoch.

    Unlike ``Learner.freeze_to`` it can train any set of groups (chain-thaw needs that), freezes batch norm with
    its group, and removes the gradients of frozen parameters: fastai's optimizer would go on decaying them.
    """

    def __init__(self, unfreezing: Unfreezing) -> None:
        super().__init__()
        self.unfreezing = unfreezing
        self.trainable: tuple[bool, ...] | None = None

    def before_train(self) -> None:
        """Apply the epoch's trainable groups; a change forgets the moments, as ``freeze_to`` does."""
        groups = self.learn.opt.param_lists
        trainable = trainable_groups(self.unfreezing, self.learn.epoch, len(groups))
        if trainable == (self.trainable or (True,) * len(groups)):
            return
        self.trainable = trainable
        self.learn.opt.clear_state()
        for group, trains in zip(groups, trainable, strict=True):
            for parameter in group:
                parameter.requires_grad_(trains)
                parameter.grad = None


class SafeRnnRegularizer(RNNRegularizer):  # type: ignore[misc]
    """fastai's AR and TAR, without TAR on a chunk of one token, whose empty mean would make the loss NaN."""

    def after_loss(self) -> None:
        """Add the penalties to the loss that is minimised."""
        with_temporal = float(self.beta)  # type: ignore[has-type]
        self.beta = with_temporal if self.rnn.raw_out.shape[1] > 1 else 0.0
        super().after_loss()
        self.beta = with_temporal


class TrainingLog(Callback):  # type: ignore[misc]
    """Mean cross-entropy of each training epoch, without penalties, and the time it took; stops when it is not finite.

    fastai's recorder keeps an exponentially smoothed training loss, which does not compare across epochs.
    """

    order = 70

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report
        self.mean_losses: list[float] = []
        self.train_seconds = 0.0

    def before_train(self) -> None:
        """Start an epoch's sums."""
        self.loss_sum, self.seen, self.started = 0.0, 0, time.perf_counter()

    def after_batch(self) -> None:
        """Add a training batch."""
        if self.learn.training:
            items = self.learn.yb[0].numel()
            self.loss_sum += float(self.learn.loss.detach()) * items
            self.seen += items

    def after_train(self) -> None:
        """Close the epoch's training part."""
        self.train_seconds += time.perf_counter() - self.started
        self.mean_losses.append(self.loss_sum / self.seen)

    def after_epoch(self) -> None:
        """Report progress; end the fit when training has diverged."""
        epoch, loss = self.learn.epoch, self.mean_losses[-1]
        self.report(as_fraction(epoch, self.learn.n_epoch), f"epoch {epoch + 1}: loss {loss:.3f}")
        if not math.isfinite(loss):
            raise CancelFitException
