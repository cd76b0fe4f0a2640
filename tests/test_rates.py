from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from harness.jobs import RateLog
from harness.rates import NamedParameters, check_partition, discriminative_rates, layer_groups, parameter_groups
from harness.schedules import factors
from harness.scratch.optimizer import LayerwiseOptimizer, adamw
from harness.specification import Optimization, Schedule

SETTINGS = settings(derandomize=True, deadline=None, max_examples=100)
PREFIXES = ("embedding", "layers.0", "layers.1", "head")
RATES = st.floats(1e-8, 1e3)
DECAYS = st.floats(0.2, 20)


class SmallTransformer(nn.Module):
    """Two encoder layers between an embedding and a decoder that shares its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(4, 2, dim_feedforward=8, dropout=0.0, batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(4, 3)
        self.decoder = nn.Linear(4, 11, bias=False)
        self.decoder.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.embedding(tokens)
        for layer in self.layers:
            states = layer(states)
        loss: Tensor = self.head(states.mean(dim=1)).pow(2).mean() + self.decoder(states).logsumexp(dim=-1).mean()
        return loss


def a_model() -> SmallTransformer:
    torch.manual_seed(1)
    return SmallTransformer().double()


def descend(model: SmallTransformer, *optimizers: torch.optim.Optimizer, steps: int = 1) -> None:
    tokens = torch.arange(10).reshape(2, 5)
    for _ in range(steps):
        model.zero_grad()
        torch.autograd.backward(model(tokens))
        for optimizer in optimizers:
            optimizer.step()


def values(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def names(groups: Sequence[NamedParameters]) -> list[list[str]]:
    return [[name for name, _ in group] for group in groups]


@SETTINGS
@given(st.integers(1, 12), RATES, DECAYS)
def test_the_last_layer_has_the_base_rate_and_each_lower_one_its_upper_neighbours_by_the_decay(
    groups: int, base_rate: float, decay: float
) -> None:
    rates = discriminative_rates(groups, base_rate, decay)
    assert len(rates) == groups
    assert rates[-1] == base_rate
    for lower, upper in pairwise(rates):
        assert math.isclose(upper / lower, decay, rel_tol=1e-12)


@SETTINGS
@given(st.integers(1, 12), RATES)
def test_a_decay_of_one_is_exactly_the_uniform_rate(groups: int, base_rate: float) -> None:
    assert discriminative_rates(groups, base_rate, 1.0) == (base_rate,) * groups


def test_five_groups_at_the_papers_decay_span_a_factor_of_46() -> None:
    rates = discriminative_rates(5, 0.01, 2.6)
    assert rates[-1] / rates[0] == pytest.approx(45.6976)
    assert rates == pytest.approx((0.000218830, 0.000568958, 0.001479290, 0.003846154, 0.01), rel=1e-5)


def test_a_decay_below_one_makes_lower_layers_learn_faster() -> None:
    assert discriminative_rates(3, 0.01, 0.5) == (0.04, 0.02, 0.01)


@pytest.mark.parametrize("groups", [0, -1])
def test_no_layer_groups_are_refused(groups: int) -> None:
    with pytest.raises(ValueError, match=f"groups must be at least 1, got {groups}"):
        discriminative_rates(groups, 0.01, 2.6)


@pytest.mark.parametrize("value", [0.0, -2.6, math.inf, math.nan])
def test_a_rate_or_decay_that_is_not_positive_and_finite_is_refused_by_name(value: float) -> None:
    with pytest.raises(ValueError, match=f"base_rate must be positive and finite, got {value}"):
        discriminative_rates(3, value, 2.6)
    with pytest.raises(ValueError, match=f"decay must be positive and finite, got {value}"):
        discriminative_rates(3, 0.01, value)


def test_every_parameter_lies_in_one_group_and_a_tied_one_counts_once() -> None:
    model = a_model()
    groups = layer_groups(model, PREFIXES)
    found = [name for group in names(groups) for name in group]
    assert sorted(found) == sorted(name for name, _ in model.named_parameters())
    assert names(groups)[0] == ["embedding.weight"]
    assert names(groups)[3] == ["head.weight", "head.bias"]


def test_a_group_may_consist_of_several_submodules() -> None:
    groups = layer_groups(a_model(), [["layers.0", "layers.1"], ["embedding", "head"]])
    assert names(groups)[1] == ["embedding.weight", "head.weight", "head.bias"]


def test_a_prefix_does_not_catch_a_name_that_only_begins_alike() -> None:
    model = nn.ModuleDict({"a": nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(11))})
    rest = [f"a.{number}" for number in range(11) if number != 1]
    assert names(layer_groups(model, ["a.1", rest])) == [
        ["a.1.weight"],
        [f"a.{number}.weight" for number in (0, *range(2, 11))],
    ]


def test_a_parameter_in_no_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"exactly one layer group: head\.weight is in 0 groups; head\.bias is in 0"):
        layer_groups(a_model(), PREFIXES[:-1])


def test_a_parameter_in_two_groups_is_named() -> None:
    with pytest.raises(ValueError, match=r"head\.bias is in 2 groups"):
        layer_groups(a_model(), [*PREFIXES, "head.bias"])


def test_a_tied_parameter_under_its_second_name_is_an_empty_group() -> None:
    with pytest.raises(ValueError, match="no trainable parameter under decoder"):
        layer_groups(a_model(), [*PREFIXES, "decoder"])


def test_a_parameter_of_another_model_is_named() -> None:
    model = a_model()
    stranger = (("stranger", nn.Parameter(torch.zeros(1))),)
    with pytest.raises(ValueError, match="stranger is not a parameter of the model"):
        check_partition(model.named_parameters(), [*layer_groups(model, PREFIXES), stranger])


def test_frozen_parameters_are_in_no_group_until_an_optimizer_wants_them() -> None:
    model = a_model()
    model.head.bias.requires_grad_(False)
    groups = layer_groups(model, PREFIXES)
    assert names(groups)[3] == ["head.weight"]
    with pytest.raises(ValueError, match=r"head\.bias is in 0 groups"):
        LayerwiseOptimizer(model, dict(zip(PREFIXES, groups, strict=True)), (0.01, 2.6), adamw(Optimization()))


def test_weight_decay_exemption_splits_a_layer_and_keeps_its_rate() -> None:
    model = a_model()
    made = parameter_groups(layer_groups(model, PREFIXES), (0.1, 0.2, 0.3, 0.4), ["head.bias", "embedding.weight"])
    assert [(group["layer"], group["lr"], group.get("weight_decay")) for group in made] == [
        (0, 0.1, 0.0),  # all of the layer is exempt
        (1, 0.2, None),
        (2, 0.3, None),
        (3, 0.4, None),
        (3, 0.4, 0.0),
    ]
    assert made[3]["params"] == [model.head.weight]
    assert made[4]["params"] == [model.head.bias]
    given = [id(parameter) for group in made for parameter in group["params"]]
    assert sorted(given) == sorted(map(id, model.parameters()))


def test_another_number_of_rates_than_of_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="4 layer groups but 3 rates"):
        parameter_groups(layer_groups(a_model(), PREFIXES), (0.1, 0.2, 0.3))


@pytest.mark.parametrize(("base_rate", "decay"), [(0.5, 1.0), (0.5, 2.0), (0.01, 2.6)])
def test_a_gradient_step_moves_each_layer_by_its_own_rate_to_the_last_bit(base_rate: float, decay: float) -> None:
    model = a_model()
    groups = layer_groups(model, PREFIXES)
    before = values(model)
    descend(model, torch.optim.SGD(parameter_groups(groups, discriminative_rates(4, base_rate, decay))))
    for layer, group in enumerate(groups):
        rate = base_rate / decay ** (3 - layer)
        for name, parameter in group:
            assert parameter.grad is not None
            assert torch.equal(parameter, torch.add(before[name], parameter.grad, alpha=-rate))
            assert not torch.equal(parameter, before[name])


def test_one_optimizer_over_layer_groups_equals_one_optimizer_a_layer() -> None:
    together, apart = a_model(), a_model()
    rates = discriminative_rates(4, 0.01, 2.6)
    descend(together, torch.optim.AdamW(parameter_groups(layer_groups(together, PREFIXES), rates)), steps=5)
    own = [
        torch.optim.AdamW([parameter for _, parameter in group], lr=rate)
        for group, rate in zip(layer_groups(apart, PREFIXES), rates, strict=True)
    ]
    descend(apart, *own, steps=5)
    expected = values(apart)
    assert all(torch.equal(value, expected[name]) for name, value in values(together).items())


@pytest.mark.parametrize("schedule", ["stlr", "constant", "cosine", "one-cycle"])
def test_no_schedule_flattens_the_rates_or_applies_the_decay_anew_at_each_step(schedule: Schedule) -> None:
    model = a_model()
    groups = dict(zip(PREFIXES, layer_groups(model, PREFIXES), strict=True))
    optimizer = LayerwiseOptimizer(model, groups, (0.01, 2.6), adamw(Optimization()))
    log = RateLog(PREFIXES, 2.6)
    for step in range(20):
        log.observe(optimizer.step(factors(schedule, step, 20)))
    realised = log.realised()
    assert realised.peaks[-1] == pytest.approx(0.01, rel=1e-12)  # the top layer is not decayed
    assert realised.peaks[0] == pytest.approx(0.01 / 2.6**3, rel=1e-12)
    assert realised.largest_ratio_error < 1e-12


def test_a_scheduler_that_overwrites_the_rates_of_the_layers_is_seen_in_the_realised_rates() -> None:
    model = a_model()
    optimizer = torch.optim.AdamW(
        parameter_groups(layer_groups(model, PREFIXES), discriminative_rates(4, 0.01, 2.6)), betas=(0.9, 0.99)
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=10)
    log = RateLog(PREFIXES, 2.6)
    for _ in range(9):
        optimizer.step()
        log.observe([group["lr"] for group in optimizer.param_groups])
        scheduler.step()
    assert log.realised().largest_ratio_error == pytest.approx(2.6**3 - 1)
