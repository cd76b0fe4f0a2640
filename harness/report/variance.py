"""The table of variance components: what of the spread over seeds comes from where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.record import Record
from harness.report.summaries import Summary
from harness.report.tables import ABSENT, Column, Table, Value, p_value, percent
from harness.specification import Cell
from harness.variance import Components, components, crossed_errors
from harness.verdicts import SIGNIFICANCE


@dataclass(frozen=True)
class Spread:
    """One crossed cell, and the standard deviation over the same cell's ordinary repetitions, a fraction."""

    cell: Cell
    runs: int
    components: Components
    all_seeds: float | None


def spreads(records: Sequence[Record], summaries: Sequence[Summary]) -> tuple[Spread, ...]:
    """Find the components of each family with crossed repetitions, in the order of the records."""
    return tuple(
        Spread(cell, errors.size, components(errors), _all_seeds(cell, summaries))
        for cell, errors in crossed_errors(records).items()
    )


def variance_table(found: Sequence[Spread], titles: Mapping[str, str]) -> Table:
    """Build one row for each crossed family."""
    columns = (
        Column("Dataset"),
        Column("Arm"),
        Column("Decay", numeric=True),
        Column("Base rate", numeric=True),
        Column("Runs", numeric=True),
        Column("Initialisation", numeric=True),
        Column("p", numeric=True),
        Column("Order and dropout", numeric=True),
        Column("p", numeric=True),
        Column("Rest", numeric=True),
        Column("Together", numeric=True),
        Column("All seeds", numeric=True),
    )
    caption = (
        "Standard deviation of test error in points by source, from runs that cross the initialisation of the head "
        "with data order and dropout, on the labels and the language model of one repetition; p of F tests that a "
        "source contributes nothing. Rest: the interaction of the two. Together: of a single run. Estimates from few "
        "levels of a source are rough; what is shown is said by p. All seeds: over the final repetitions of the same "
        "arm, in which labels and language model differ as well."
    )
    return Table(caption, columns, tuple(_row(row, titles) for row in found))


def variance_numbers(found: Sequence[Spread]) -> dict[str, Value]:
    """Count the crossed families, and the sources of which an F test shows that they contribute something."""
    ps = [p for row in found for p in (row.components.p_initialisation, row.components.p_order)]
    return {
        "variance/rows": len(found),
        "variance/sources": len(ps) or ABSENT,
        "variance/shown": sum(p <= SIGNIFICANCE for p in ps) if ps else ABSENT,
    }


def _all_seeds(crossed: Cell, summaries: Sequence[Summary]) -> float | None:
    """The spread of the final repetitions that differ from the crossed ones in the crossing alone."""
    for summary in summaries:
        if len(summary.finals) > 1 and _uncrossed(summary.finals[0].specification) == _uncrossed(crossed):
            return float(np.std([record.result.test.error for record in summary.finals], ddof=1))
    return None


def _uncrossed(cell: Cell) -> Cell:
    return replace(cell, recipe=replace(cell.recipe, name="", crossing=None), repetition=0)


def _row(row: Spread, titles: Mapping[str, str]) -> tuple[str, ...]:
    cell, parts = row.cell, row.components
    return (
        f"{titles.get(cell.dataset.name, cell.dataset.name)} ({cell.recipe.name})",
        cell.arm.name,
        f"{cell.arm.decay:g}",
        f"{cell.base_rate:g}",
        f"{row.runs}",
        percent(np.sqrt(parts.initialisation)),
        p_value(parts.p_initialisation),
        percent(np.sqrt(parts.order)),
        p_value(parts.p_order),
        percent(np.sqrt(parts.residual)),
        percent(np.sqrt(parts.total)),
        percent(row.all_seeds),
    )
