"""What the README and the page say, right below the verdicts, of the base rates that these rest on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.claims import Family
from harness.report.near_rates import NearRates
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, find, swept_arm
from harness.report.tables import points, rate_text

NEAR_HEAD = (
    "A verdict is about the rates that tuning chose. At pairs of rates that did nearly as well on validation data"
)
NEAR_REST = "Elsewhere only the chosen pair was run."
TUNED_REST = "Tune the rate again when you change the decay."


@dataclass(frozen=True)
class NearTold:
    """A line for each place where other pairs of near rates were run; ``only_chosen`` when there are other places."""

    lines: tuple[str, ...]
    only_chosen: bool


def near_told(near: Iterable[NearRates], own_text: Collection[str], titles: Mapping[str, str]) -> NearTold:
    """Tell what decay 2.6 changes at near rates, of recipes that are not among ``own_text``."""
    shipped = [one for one in near if one.family.recipe not in own_text]
    found = [one for one in shipped if len(one.differences) > 1]
    lines = (
        f"{_place(one.family, titles)}: {points(min(one.differences.values()))} to "
        f"{points(max(one.differences.values()))} points, lower at {one.lower} of {_pairs(one)}; "
        f"{points(one.own)}{one.marks} at the chosen one"
        for one in found
    )
    return NearTold(tuple(lines), len(found) < len(shipped))


def tuned_told(summaries: Sequence[Summary], own_text: Collection[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Tell the base rates that tuning chose, uniform and at decay 2.6, of recipes that are not among ``own_text``."""
    arm, lines = swept_arm(summaries), []
    for summary in summaries:
        family, uniform = summary.family, find(summaries, replace(summary.family, decay=UNIFORM))
        swept = family.arm == arm and family.recipe not in own_text and len(summary.tried) > 1
        if swept and family.decay == DISCRIMINATIVE and uniform is not None and uniform.rate and summary.rate:
            lines.append(f"{_place(family, titles)}: {rate_text(uniform)} and {rate_text(summary)}")
    return tuple(lines)


def _pairs(one: NearRates) -> str:
    """Count the pairs of near rates that were run, and all where these are more."""
    run, pairs = len(one.differences), len(one.uniform) * len(one.discriminative)
    return f"{run} pairs" if run == pairs else f"{run} pairs that were run, of {pairs}"


def _place(family: Family, titles: Mapping[str, str]) -> str:
    return f"{titles.get(family.dataset, family.dataset)} ({family.recipe}, {family.implementation})"
