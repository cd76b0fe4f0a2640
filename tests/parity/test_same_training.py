"""Both implementations, trained by their own public functions, take the same steps where nothing is random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.optimizer import SGD
from parity.small_jobs import (
    SIZE,
    WORDS,
    classifier_job,
    language_model_job,
    largest_distance,
    precision,
    silent,
)
from torch import Tensor, nn

from harness.rates import discriminative_rates
from harness.schedules import StepFactors
from harness.scratch import training as scratch
from harness.scratch.models import LanguageModel, language_model_groups
from harness.scratch.optimizer import LayerwiseOptimizer
from harness.specification import Optimization, Schedule, Unfreezing
from harness.with_fastai import training as with_fastai
from harness.with_fastai.conversion import fastai_names

NO_PENALTIES = Optimization(activation_penalty=0.0, temporal_penalty=0.0)
# In a float64 model fastai still takes its penalties, and flattens the logits of its loss, in float32.
PRECISIONS = [pytest.param(torch.float32, 1e-5, id="float32"), pytest.param(torch.float64, 1e-6, id="float64")]
CLASSIFIER_ARMS: list[tuple[Unfreezing, Schedule, int]] = [
    ("gradual", "stlr", 6),
    ("chain-thaw", "constant", 7),
    ("all", "one-cycle", 3),
    ("last", "cosine", 3),
]


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_a_language_model_takes_the_same_eighteen_steps(dtype: torch.dtype, tolerance: float) -> None:
    with precision(dtype):
        job = language_model_job()
        left = scratch.fine_tune_language_model(job, silent)
        right = with_fastai.fine_tune_language_model(job, silent)
    assert left.rates.steps == 18
    assert left.rates == right.rates
    assert left.losses == pytest.approx(right.losses, rel=tolerance)
    assert left.losses[-1] < left.losses[0]
    assert left.perplexity_before == pytest.approx(right.perplexity_before, rel=tolerance)
    assert left.perplexity == pytest.approx(right.perplexity, rel=tolerance)
    assert left.tokens == right.tokens
    assert largest_distance(left.weights, right.weights) <= tolerance
    assert largest_distance(left.weights, job.start) > 1e-2


@pytest.mark.parametrize(("unfreezing", "schedule", "epochs"), CLASSIFIER_ARMS)
def test_a_classifier_takes_the_same_steps(unfreezing: Unfreezing, schedule: Schedule, epochs: int) -> None:
    with precision(torch.float64):
        job = classifier_job(unfreezing, schedule, epochs)
        job = replace(job, recipe=replace(job.recipe, optimization=NO_PENALTIES))
        left = scratch.fine_tune_classifier(job, silent)
        right = with_fastai.fine_tune_classifier(job, silent)
    assert left.rates.steps == 4 * epochs
    assert left.rates == right.rates
    assert left.tokens == right.tokens
    assert largest_distance(left.weights, right.weights) <= 1e-5
    assert {name: set(group) for name, group in left.layers.items()} == {
        name: set(group) for name, group in right.layers.items()
    }
    np.testing.assert_allclose(left.validation_logits, right.validation_logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(left.test_logits, right.test_logits, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(left.epochs, right.epochs, strict=True):
        assert ours.training_loss == pytest.approx(theirs.training_loss, rel=1e-6)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-6)
        assert ours.validation_error == theirs.validation_error


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_a_classifier_with_penalties_takes_the_same_twelve_steps(dtype: torch.dtype, tolerance: float) -> None:
    with precision(dtype):
        job = classifier_job("all", "stlr", epochs=3)
        left = scratch.fine_tune_classifier(job, silent)
        right = with_fastai.fine_tune_classifier(job, silent)
    assert largest_distance(left.weights, right.weights) <= tolerance


def test_another_decay_is_not_taken_for_the_same_training() -> None:
    with precision(torch.float64):
        job = classifier_job("all", "stlr", epochs=3)
        other = replace(job, arm=replace(job.arm, decay=2.5))
        left = scratch.fine_tune_classifier(job, silent)
        right = with_fastai.fine_tune_classifier(other, silent)
    assert left.rates != right.rates
    assert largest_distance(left.weights, right.weights) > 1e-4


def by_name(model: nn.Module, names: dict[str, tuple[str, ...]]) -> dict[str, nn.Parameter]:
    """A model's parameters under the project's names."""
    parameters = dict(model.named_parameters())
    return {ours: parameters[theirs[0]] for ours, theirs in names.items()}


def expected_after_one_step(parameters: dict[str, nn.Parameter], rates: dict[str, float]) -> dict[str, Tensor]:
    """θ − η^l ∇, in place of which both optimizers must not put anything else."""
    gradients = {name: parameter.grad for name, parameter in parameters.items()}
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients.values())
    return {
        name: parameter.detach().add(gradient, alpha=-rates[name])
        for (name, parameter), gradient in zip(parameters.items(), gradients.values(), strict=True)
        if gradient is not None
    }


def test_plain_sgd_moves_each_layer_by_its_own_rate_times_its_gradient_to_the_last_bit() -> None:
    tokens = torch.randint(9, WORDS, (4, 8), generator=torch.Generator().manual_seed(0))
    rates = discriminative_rates(4, 0.7, 2.6)
    with precision(torch.float64):
        job = language_model_job()
        ours = LanguageModel(WORDS, SIZE, job.recipe.dropouts)
        ours.load_state_dict(job.start)
        groups = language_model_groups(ours, job.arm)
        learner = with_fastai.language_model(job)
    rate_of = {name: rate for group, rate in zip(groups.values(), rates, strict=True) for name, _ in group}
    optimizer = LayerwiseOptimizer(ours, groups, (0.7, 2.6), torch.optim.SGD)
    their_optimizer = SGD(learner.splitter(learner.model), lr=list(rates))
    their_optimizer.set_hyper("lr", list(rates))
    logits = (ours(tokens, ours.encoder.initial_state(4))[0], learner.model.eval()(tokens)[0])
    mine = dict(ours.named_parameters())
    theirs = by_name(learner.model, fastai_names(learner.model))
    for scores, parameters, step in (
        (logits[0], mine, lambda: optimizer.step(StepFactors(1.0))),
        (logits[1], theirs, their_optimizer.step),
    ):
        torch.autograd.backward(nn.functional.cross_entropy(scores.flatten(0, 1), tokens.flatten()))
        expected = expected_after_one_step(parameters, rate_of)
        step()
        assert all(torch.equal(parameters[name].detach(), expected[name]) for name in rate_of)
    assert set(rate_of) == set(theirs) == set(mine)
