"""An optimizer over layer groups: applies the schedule, freezes groups, and reports the rates really used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from harness.rates import NamedParameters, check_partition, discriminative_rates, parameter_groups
from harness.schedules import StepFactors
from harness.specification import Optimization

MakeOptimizer = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


def adamw(optimization: Optimization) -> MakeOptimizer:
    """AdamW with decoupled weight decay scaled by each group's rate, as fastai's ``Adam``."""
    return partial(
        torch.optim.AdamW,
        betas=(optimization.beta1, optimization.beta2),
        eps=optimization.epsilon,
        weight_decay=optimization.weight_decay,
        fused=True,
    )


def exempt_from_weight_decay(model: nn.Module) -> set[str]:
    """Batch norm parameters and the decoder bias; the LSTM's biases are decayed, as in fastai."""
    norms = {
        f"{path}.{name}"
        for path, module in model.named_modules()
        if isinstance(module, nn.BatchNorm1d)
        for name, _ in module.named_parameters()
    }
    return norms | {name for name, _ in model.named_parameters() if name == "decoder_bias"}


class LayerwiseOptimizer:
    """Discriminative rates on a torch optimizer.

    The peak rates come from ``rates.discriminative_rates``; a schedule's factor multiplies all of them.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Mapping[str, NamedParameters],
        rate_and_decay: tuple[float, float],
        make: MakeOptimizer,
    ) -> None:
        """Raises ValueError when a trainable parameter of ``model`` is in no group or in two."""
        check_partition(model.named_parameters(), tuple(groups.values()))
        self.groups = tuple(groups.values())
        self.peaks = discriminative_rates(len(groups), *rate_and_decay)
        self.inner = make(parameter_groups(self.groups, self.peaks, exempt_from_weight_decay(model)))
        self.trainable = (True,) * len(groups)

    def set_trainable(self, trainable: tuple[bool, ...]) -> None:
        """Freeze and unfreeze groups. A change forgets the moments, as fastai's ``freeze_to`` does.

        A frozen group's gradients are removed, so neither momentum nor weight decay moves it.
        """
        if trainable == self.trainable:
            return
        self.trainable = trainable
        self.inner.state.clear()
        for group, trains in zip(self.groups, trainable, strict=True):
            for _, parameter in group:
                parameter.requires_grad_(trains)
                parameter.grad = None

    def step(self, factors: StepFactors) -> tuple[float, ...]:
        """One update and removal of gradients.

        Returns:
            The rate of each layer group read back from the optimizer after the step; 0 where frozen.
        """
        for group in self.inner.param_groups:
            group["lr"] = self.peaks[group["layer"]] * factors.rate
            if factors.beta1 is not None:
                group["betas"] = (factors.beta1, group["betas"][1])
        self.inner.step()
        self.inner.zero_grad(set_to_none=True)
        used = [self._rate_of(layer) for layer in range(len(self.groups))]
        return tuple(rate if trains else 0.0 for rate, trains in zip(used, self.trainable, strict=True))

    def _rate_of(self, layer: int) -> float:
        """Read a layer's rate back from the optimizer, whose one or two groups of it must agree."""
        rates = {float(group["lr"]) for group in self.inner.param_groups if group["layer"] == layer}
        if len(rates) != 1:
            raise RuntimeError(f"layer group {layer} was updated with several rates: {sorted(rates)}")
        return rates.pop()
