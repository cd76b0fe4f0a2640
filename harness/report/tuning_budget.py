"""How much a comparison owes to the repetitions that chose the base rates: what any other choice of them would find.

Where every repetition ran at every base rate, any few of them can play the part of the tuning repetitions and all
others that of the final ones. Choices differ in the rates and, since all others judge, in the repetitions that judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.claims import Family, Protocol, family_of
from harness.record import Record
from harness.report.summaries import DISCRIMINATIVE, UNIFORM
from harness.report.tables import Column, Table, Value, bracketed, points
from harness.statistics import Interval

BUDGETS = (1, 2, 3, 5)  # repetitions that choose
Errors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Validation and test errors (fractions) of one family, shape (repetitions, base rates)."""

    rates: tuple[float, ...]
    validation: Errors
    test: Errors

    def chosen(self, repetitions: tuple[int, ...]) -> int:
        """Index of the rate with the lowest mean validation error over ``repetitions`` (indices); ties: the lower."""
        errors = self.validation[list(repetitions)].sum(axis=0)
        return int(np.argmin(np.round(errors, 9)))  # ties are ties, as in harness.claims.comparable


@dataclass(frozen=True)
class Choices:
    """All choices of ``repetitions`` that tune the two decays of an arm, ``family`` being that of decay 2.6.

    ``differences`` are of mean test error over the repetitions that did not choose, 2.6 minus 1 and paired, one for
    each choice, the first for that of the first repetitions, which the protocol tunes with. ``rates`` counts how often
    each base rate of those ``tried`` was chosen, at decay 1 and at 2.6.
    """

    family: Family
    repetitions: int
    differences: tuple[float, ...]
    rates: tuple[Counter[float], Counter[float]]
    tried: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean difference over all choices."""
        return float(np.mean(self.differences))

    @property
    def range(self) -> Interval:
        """The 5th and the 95th percentile of the differences."""
        low, high = np.percentile(self.differences, (5, 95))
        return float(low), float(high)

    @property
    def lower(self) -> float:
        """Share of the choices after which 2.6 has the lower error."""
        return float(np.mean(np.array(self.differences) < 0))

    @property
    def as_high(self) -> float:
        """Share of the choices that find a difference as high as the first does, or higher."""
        return float(np.mean(np.array(self.differences) >= self.differences[0]))


def tuning_choices(found: Mapping[Family, Grid]) -> tuple[Choices, ...]:
    """Go through all choices of each of ``BUDGETS``, for each arm that has a grid at decays 1 and 2.6."""
    return tuple(
        _choices(family, budget, uniform, grid)
        for family, grid in found.items()
        if family.decay == DISCRIMINATIVE
        and (uniform := found.get(replace(family, decay=UNIFORM))) is not None
        and uniform.rates == grid.rates
        for budget in BUDGETS
        if budget < len(grid.test)
    )


def grids(records: Iterable[Record], protocol: Protocol) -> dict[Family, Grid]:
    """The errors of each family that all repetitions, tuning ones first, ran at two base rates or more, and at each."""
    repetitions = (*protocol.tuning_repetitions, *protocol.final_repetitions)
    cells: dict[Family, dict[tuple[int, float], Record]] = {}
    for record in records:
        cell = record.specification
        if cell.recipe.crossing is None:
            cells.setdefault(family_of(record), {})[cell.repetition, cell.base_rate] = record
    return {
        family: grid
        for family, found in cells.items()
        if (grid := _grid(found, repetitions)) is not None and len(grid.rates) > 1
    }


def tuning_budget_table(choices: Iterable[Choices], protocol: Protocol, titles: Mapping[str, str]) -> Table:
    """Build one row for each dataset, recipe, implementation, arm and number of repetitions that choose."""
    columns = (
        Column("Dataset"),
        Column("Implementation"),
        Column("Arm"),
        Column("Choosing", numeric=True),
        Column("Choices", numeric=True),
        Column("Rate at 1", numeric=True),
        Column("Rate at 2.6", numeric=True),
        Column("Mean difference", numeric=True),
        Column("5\N{NO-BREAK SPACE}% to 95\N{NO-BREAK SPACE}%", numeric=True),
        Column("2.6 lower in", numeric=True),
    )
    planned = len(protocol.tuning_repetitions) + len(protocol.final_repetitions)
    caption = (
        f"What other repetitions would have chosen. Where all {planned} repetitions ran at every base rate, any few of "
        "them can choose the rates of decays 1 and 2.6 by mean validation error. Over all choices: the rate that was "
        "chosen most often, its share, and of how many rates; the difference in mean test error, 2.6 minus 1 in "
        "points, over the repetitions that did not choose, its mean and its percentiles; and the share of choices "
        "after which 2.6 has the lower error. Choices differ in who judges too, and the more choose the fewer judge; "
        "they overlap, so that the percentiles are not an interval for the mean. † On the edge of the grid."
    )
    return Table(caption, columns, tuple(_row(one, titles) for one in choices))


def choice_numbers(choices: Iterable[Choices], protocol: Protocol, titles: Mapping[str, str]) -> dict[str, Value]:
    """What the paper's prose tells of all choices of as many repetitions as the protocol has for tuning."""
    found: dict[str, Value] = {}
    keys = []
    for one in choices:
        if one.repetitions == len(protocol.tuning_repetitions):
            family, title = one.family, titles.get(one.family.dataset, one.family.dataset)
            key = f"choices/{family.dataset}/{family.recipe}/{family.implementation}/{family.arm}"
            keys.append(key)
            found |= {
                f"{key}/title": f"{title} ({family.recipe}), {family.implementation}, {family.arm}",
                f"{key}/count": len(one.differences),
                f"{key}/mean": points(one.mean),
                f"{key}/range": bracketed(one.range, signed=True),
                f"{key}/lower": f"{100 * one.lower:.0f}",
                f"{key}/own": points(one.differences[0]),
                f"{key}/as-high": f"{100 * one.as_high:.0f}",
            }
    return found | {"choices": tuple(keys)}


def _grid(found: Mapping[tuple[int, float], Record], repetitions: tuple[int, ...]) -> Grid | None:
    """The errors at the rates that all repetitions have; absent while a rate that was tuned has not all of them."""
    tuned = {rate for repetition, rate in found if repetition == repetitions[0]}
    rates = tuple(sorted(tuned))
    if not rates or any((repetition, rate) not in found for repetition in repetitions for rate in rates):
        return None
    results = [[found[repetition, rate].result for rate in rates] for repetition in repetitions]
    validation = np.array([[result.validation.error for result in row] for row in results])
    return Grid(rates, validation, np.array([[result.test.error for result in row] for row in results]))


def _choices(family: Family, budget: int, uniform: Grid, discriminative: Grid) -> Choices:
    differences, rates = [], (Counter[float](), Counter[float]())
    repetitions = range(len(uniform.test))
    for choosing in combinations(repetitions, budget):
        others = [repetition for repetition in repetitions if repetition not in choosing]
        low, high = uniform.chosen(choosing), discriminative.chosen(choosing)
        differences.append(float(np.mean(discriminative.test[others, high] - uniform.test[others, low])))
        rates[0][uniform.rates[low]] += 1
        rates[1][discriminative.rates[high]] += 1
    return Choices(family, budget, tuple(differences), rates, uniform.rates)


def _row(choices: Choices, titles: Mapping[str, str]) -> tuple[str, ...]:
    family = choices.family
    return (
        f"{titles.get(family.dataset, family.dataset)} ({family.recipe})",
        family.implementation,
        family.arm,
        f"{choices.repetitions}",
        f"{len(choices.differences)}",
        *(_most_often(rates, choices.tried) for rates in choices.rates),
        points(choices.mean),
        bracketed(choices.range, signed=True),
        f"{100 * choices.lower:.0f} %",
    )


def _most_often(rates: Counter[float], tried: Sequence[float]) -> str:
    """The rate that was chosen most often (ties: the lower), its share, and of how many rates; † on the edge."""
    rate = min(rates, key=lambda rate: (-rates[rate], rate))
    edge = "†" if rate in (tried[0], tried[-1]) else ""
    return f"{rate:g}{edge} ({100 * rates[rate] / rates.total():.0f}\N{NO-BREAK SPACE}%; {len(rates)})"
