"""Freezing, discriminative rates, schedules and weight decay, as the optimizer really applies them."""

from __future__ import annotations

import pytest
import torch
from parity.small_jobs import BPTT, CLASSES, SIZE, WORDS, classifier_recipe, classifier_weights, documents
from torch import Tensor, nn

from harness.rates import NamedParameters
from harness.schedules import StepFactors, factors
from harness.scratch.batches import whole_chunks
from harness.scratch.models import Classifier, LanguageModel, classifier_groups
from harness.scratch.optimizer import LayerwiseOptimizer, adamw, exempt_from_weight_decay
from harness.specification import Dropouts, Optimization, Schedule

EVERY: tuple[Schedule, ...] = ("stlr", "constant", "cosine", "one-cycle")
ONLY_TOP = (False, False, False, False, True)
AT_PEAK = StepFactors(1.0)
MIDDLE = (False, False, True, False, False)


def classifier() -> Classifier:
    model = Classifier(WORDS, CLASSES, SIZE, classifier_recipe())
    model.load_state_dict(classifier_weights())
    return model.train()


def optimizer_of(model: Classifier, weight_decay: float = 0.01, decay: float = 2.6) -> LayerwiseOptimizer:
    make = adamw(Optimization(weight_decay=weight_decay))
    return LayerwiseOptimizer(model, classifier_groups(model), (0.01, decay), make)


def step(model: Classifier, optimizer: LayerwiseOptimizer, factor: StepFactors = AT_PEAK) -> tuple[float, ...]:
    add_gradients(model)
    return optimizer.step(factor)


def add_gradients(model: Classifier) -> None:
    logits, _ = model(whole_chunks(documents([20, 9, 3]), BPTT), torch.Generator())
    torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])))


def copies(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def moved_groups(model: Classifier, before: dict[str, Tensor]) -> tuple[bool, ...]:
    """Whether any bit of each layer group changed."""
    groups = classifier_groups_by_name()
    after = copies(model)
    return tuple(any(not torch.equal(before[name], after[name]) for name in names) for names in groups)


def classifier_groups_by_name() -> list[list[str]]:
    return [[name for name, _ in group] for group in classifier_groups(classifier()).values()]


@pytest.mark.parametrize("trainable", [ONLY_TOP, MIDDLE, (True,) * 5], ids=["top", "middle", "all"])
def test_frozen_groups_do_not_move_by_a_single_bit(trainable: tuple[bool, ...]) -> None:
    model = classifier()
    optimizer = optimizer_of(model, weight_decay=0.5)
    step(model, optimizer)  # so that every group has moments and had a gradient
    optimizer.set_trainable(trainable)
    before = copies(model)
    rates = step(model, optimizer)
    assert moved_groups(model, before) == trainable
    assert tuple(rate > 0 for rate in rates) == trainable


def test_a_gradient_left_from_before_the_freeze_moves_nothing() -> None:
    model = classifier()
    optimizer = optimizer_of(model)
    add_gradients(model)
    optimizer.set_trainable(ONLY_TOP)
    before = copies(model)
    step(model, optimizer)
    assert moved_groups(model, before) == ONLY_TOP


def test_groups_that_thaw_train_again() -> None:
    model = classifier()
    optimizer = optimizer_of(model)
    optimizer.set_trainable(ONLY_TOP)
    step(model, optimizer)
    optimizer.set_trainable((True,) * 5)
    before = copies(model)
    step(model, optimizer)
    assert moved_groups(model, before) == (True,) * 5


def test_a_change_of_trainable_groups_forgets_the_moments_and_no_change_keeps_them() -> None:
    model = classifier()
    optimizer = optimizer_of(model)
    step(model, optimizer)
    kept = len(optimizer.inner.state)
    optimizer.set_trainable((True,) * 5)
    assert len(optimizer.inner.state) == kept == len(list(model.parameters()))
    optimizer.set_trainable(ONLY_TOP)
    assert not optimizer.inner.state


@pytest.mark.parametrize("schedule", EVERY)
@pytest.mark.parametrize("decay", [0.62, 1.0, 2.6])
def test_no_schedule_flattens_the_ratios_between_groups(schedule: Schedule, decay: float) -> None:
    model = classifier()
    optimizer = optimizer_of(model, decay=decay)
    for number in range(12):
        factor = factors(schedule, number, 12)
        returned = step(model, optimizer, factor)
        used = {group["layer"]: group["lr"] for group in optimizer.inner.param_groups}
        assert returned == tuple(used[layer] for layer in range(5))
        assert used[4] == pytest.approx(0.01 * factor.rate, rel=1e-12)
        for lower in range(4):
            assert used[lower + 1] / used[lower] == pytest.approx(decay, rel=1e-12)


def test_a_schedule_with_momentum_sets_it_and_others_leave_it() -> None:
    model = classifier()
    optimizer = optimizer_of(model)
    step(model, optimizer, StepFactors(0.5, beta1=0.8))
    assert {group["betas"] for group in optimizer.inner.param_groups} == {(0.8, 0.99)}
    step(model, optimizer, StepFactors(0.5))
    assert {group["betas"] for group in optimizer.inner.param_groups} == {(0.8, 0.99)}


def test_weight_decay_shrinks_every_weight_by_its_own_rate_but_batch_norms() -> None:
    model = classifier()
    optimizer = optimizer_of(model, weight_decay=0.5)
    before = copies(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    rates = optimizer.step(StepFactors(1.0))
    after = copies(model)
    for rate, names in zip(rates, classifier_groups_by_name(), strict=True):
        for name in names:
            shrunk = before[name] if ".norm_" in name else before[name] * (1 - rate * 0.5)
            torch.testing.assert_close(after[name], shrunk, rtol=1e-6, atol=0)


def test_what_is_exempt_from_weight_decay() -> None:
    norms = {f"head.{norm}.{name}" for norm in ("norm_pooled", "norm_hidden") for name in ("weight", "bias")}
    assert exempt_from_weight_decay(classifier()) == norms
    assert exempt_from_weight_decay(LanguageModel(WORDS, SIZE, Dropouts(0, 0, 0, 0, 0))) == {"decoder_bias"}


@pytest.mark.parametrize("fault", ["none", "two"])
def test_a_parameter_in_no_group_or_in_two_is_refused(fault: str) -> None:
    model = classifier()
    groups: dict[str, NamedParameters] = classifier_groups(model)
    if fault == "none":
        groups["lstm-2"] = groups["lstm-2"][1:]
    else:
        groups["head"] = (*groups["head"], groups["lstm-2"][0])
    with pytest.raises(
        ValueError, match=rf"encoder\.layers\.1\.weight_ih is in {'0' if fault == 'none' else '2'} groups"
    ):
        LayerwiseOptimizer(model, groups, (0.01, 2.6), adamw(Optimization()))
