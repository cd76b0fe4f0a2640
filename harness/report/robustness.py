"""How wide a range of base rates works, as one number for each decay: the area under error against log rate.

Areas of decays are comparable only over the same rates, so each is taken over those that all of them were tuned at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.claims import Family
from harness.report.summaries import UNIFORM, Summary
from harness.report.tables import Column, Table, percent, points
from harness.statistics import area_under_error


@dataclass(frozen=True)
class Area:
    """Mean validation error (a fraction) over the log of ``rates``; ``difference`` is to uniform, where that is run."""

    family: Family
    rates: tuple[float, ...]
    error: float
    difference: float | None


def areas(summaries: Sequence[Summary]) -> tuple[Area, ...]:
    """Compute the area of each family that was tuned at two rates, or more, that all decays of its arm have."""
    sweeps: dict[tuple[str, ...], list[Summary]] = {}
    for summary in summaries:
        family = summary.family
        key = (family.dataset, family.recipe, family.implementation, family.arm)
        sweeps.setdefault(key, []).extend([summary] if summary.tried else [])
    return tuple(area for sweep in sweeps.values() for area in _areas_of(sweep))


def areas_table(summaries: Sequence[Summary], titles: Mapping[str, str]) -> Table:
    """Build one row for each family with an area."""
    found = areas(summaries)
    several_recipes = len({area.family.recipe for area in found}) > 1
    columns = (
        Column("Dataset"),
        Column("Implementation"),
        Column("Arm"),
        Column("Decay", numeric=True),
        Column("Base rates", numeric=True),
        Column("Area %", numeric=True),
        Column("Difference to uniform", numeric=True),
    )
    caption = (
        "Sensitivity to the base rate: the area under mean validation error against the log of the base rate, divided "
        "by the range, over the tuning repetitions and the rates that all decays of an arm have in common. It is low "
        "where many rates work, and depends on the range: rates that work outside of it do not count. Differences to "
        "decay 1 are in percentage points. Verdicts about areas are of the final repetitions, at every rate, instead."
    )
    return Table(caption, columns, tuple(_row(area, titles, several_recipes) for area in found))


def _areas_of(sweep: Sequence[Summary]) -> list[Area]:
    """Compute the areas of one arm's decays over their common rates; none where these are fewer than two."""
    common = set.intersection(*(set(summary.tried) for summary in sweep)) if sweep else set()
    if len(common) < 2:
        return []
    rates = tuple(sorted(common))
    errors = {summary.family.decay: _area(summary, rates) for summary in sweep}
    return [
        Area(summary.family, rates, error, None if decay == UNIFORM else _difference(error, errors.get(UNIFORM)))
        for summary, (decay, error) in zip(sweep, errors.items(), strict=True)
    ]


def _area(summary: Summary, rates: Sequence[float]) -> float:
    errors = dict(zip(summary.tried, summary.tuning, strict=True))
    return area_under_error(rates, [errors[rate] for rate in rates])


def _difference(error: float, uniform: float | None) -> float | None:
    return None if uniform is None else error - uniform


def _row(area: Area, titles: Mapping[str, str], several_recipes: bool) -> tuple[str, ...]:
    family = area.family
    dataset = titles.get(family.dataset, family.dataset)
    return (
        f"{dataset} ({family.recipe})" if several_recipes else dataset,
        family.implementation,
        family.arm,
        f"{family.decay:g}",
        f"{len(area.rates)} from {area.rates[0]:g} to {area.rates[-1]:g}",
        percent(area.error),
        points(area.difference),
    )
