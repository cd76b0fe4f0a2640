"""Discriminative fine-tuning: one learning rate per layer group.

The rule of Howard & Ruder 2018 (section 3.2): choose the rate of the last layer, then give each lower layer
the rate of the one above divided by a decay factor, 2.6 in the paper:

    η^l = η^L / decay^(L − l),        θ^l ← θ^l − η^l ∇_{θ^l} J(θ)

Both implementations take their rates from here, and any torch module can::

    groups = layer_groups(model, ["embeddings", "encoder.0", "encoder.1", "head"])
    optimizer = torch.optim.SGD(parameter_groups(groups, discriminative_rates(len(groups), 0.01, 2.6)))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

NamedParameters = tuple[tuple[str, "nn.Parameter"], ...]


def discriminative_rates(groups: int, base_rate: float, decay: float) -> tuple[float, ...]:
    """Learning rates of ``groups`` layer groups, lowest layer first; the last one is ``base_rate``.

    ``decay=1`` is the uniform rate; below 1, lower layers learn faster. With 5 groups and 2.6 the first
    layer learns 2.6⁴ ≈ 45.7 times slower than the last. Source: Howard & Ruder 2018, section 3.2.

    Raises:
        ValueError: unless ``groups`` ≥ 1 and ``base_rate``, ``decay`` and all rates are positive and finite.
    """
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    for name, value in (("base_rate", base_rate), ("decay", decay)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, got {value}")
    try:
        rates = tuple(base_rate / decay ** (groups - 1 - group) for group in range(groups))
    except (OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"decay {decay} over {groups} groups leaves the range of floating point") from error
    if not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise ValueError(f"decay {decay} over {groups} groups leaves the range of floating point: rates {rates}")
    return rates


def layer_groups(module: nn.Module, prefixes: Sequence[str | Sequence[str]]) -> tuple[NamedParameters, ...]:
    """Split a module's trainable parameters into layer groups by name prefix, lowest layer first.

    Each entry of ``prefixes`` is a submodule's name or several of them (``"encoder.0"`` covers
    ``encoder.0.weight`` but not ``encoder.01.weight``). Tied parameters count once, under their first name.

    Raises:
        ValueError: when a trainable parameter falls in no group or in two, or a group is empty.
    """
    named = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    wanted = [(entry,) if isinstance(entry, str) else tuple(entry) for entry in prefixes]
    groups = tuple(
        tuple((name, parameter) for name, parameter in named if any(_is_under(name, prefix) for prefix in entry))
        for entry in wanted
    )
    for entry, group in zip(wanted, groups, strict=True):
        if not group:
            raise ValueError(f"no trainable parameter under {', '.join(entry)}")
    check_partition(named, groups)
    return groups


def _is_under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def check_partition(named: Iterable[tuple[str, nn.Parameter]], groups: Sequence[NamedParameters]) -> None:
    """Check that every parameter of ``named`` lies in exactly one group, and no other parameter in any.

    Raises:
        ValueError: naming the parameters that are in no group, in two, or unknown.
    """
    names = {id(parameter): name for name, parameter in named}
    seen = [id(parameter) for group in groups for _, parameter in group]
    faults = [f"{name} is in {seen.count(key)} groups" for key, name in names.items() if seen.count(key) != 1]
    faults += [f"{name} is not a parameter of the model" for g in groups for name, p in g if id(p) not in names]
    if faults:
        raise ValueError("each trainable parameter belongs in exactly one layer group: " + "; ".join(faults))


def parameter_groups(
    groups: Sequence[NamedParameters], rates: Sequence[float], no_decay: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Parameter groups for a torch optimizer: group l gets ``lr = rates[l]``.

    ``no_decay`` names parameters exempt from weight decay; a layer with some of each becomes two optimizer
    groups with the same rate. Every optimizer group carries its ``layer`` index (0 = lowest).

    Raises:
        ValueError: when ``groups`` and ``rates`` differ in length, or ``no_decay`` names no parameter of a group.
    """
    if len(groups) != len(rates):
        raise ValueError(f"{len(groups)} layer groups but {len(rates)} rates")
    exempt = set(no_decay)
    if unknown := exempt.difference(name for group in groups for name, _ in group):
        raise ValueError(f"no_decay names parameters of no group: {', '.join(sorted(unknown))}")
    result: list[dict[str, Any]] = []
    for layer, (group, rate) in enumerate(zip(groups, rates, strict=True)):
        decayed = [parameter for name, parameter in group if name not in exempt]
        undecayed = [parameter for name, parameter in group if name in exempt]
        if decayed:
            result.append({"params": decayed, "lr": rate, "layer": layer})
        if undecayed:
            result.append({"params": undecayed, "lr": rate, "layer": layer, "weight_decay": 0.0})
    return result
