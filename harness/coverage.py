"""How much of each profile, and of the baselines, is measured: planned cells and records, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.baseline_evidence import BaselineRecord
from harness.campaign import Selection, planned
from harness.claims import Family, family_of_cell
from harness.plan import Plan
from harness.record import Record
from harness.specification import cell_id
from harness.study_definition import Study


@dataclass(frozen=True)
class Gap:
    """A family of cells of one profile of which some or all have no record."""

    profile: str
    family: Family
    planned: int
    missing: int


@dataclass(frozen=True)
class Coverage:
    """Cells of one profile on one data set.

    ``planned`` counts final cells whose base rate is still open as well; ``core_seconds`` is what the measured ones
    took, without the language models that they share.
    """

    profile: str
    dataset: str
    planned: int
    measured: int
    core_seconds: float = 0.0


def plans(study: Study, records: Iterable[Record]) -> dict[str, Plan]:
    """Plan every profile, in the order of the declarations."""
    known = tuple(records)
    return {name: planned(study, Selection(name), known) for name in study.profiles}


def coverage(
    study: Study, plans: Mapping[str, Plan], records: Iterable[Record], baselines: Iterable[BaselineRecord]
) -> tuple[Coverage, ...]:
    """One row for each profile and data set, in the order of the declarations, and one for its linear baselines."""
    measured = {record.cell: record.cost.cpu_seconds for record in records}
    rows: list[Coverage] = []
    for name, plan in plans.items():
        wanted = Counter(cell.dataset.name for cell in (*plan.cells, *plan.later))
        spent: dict[str, list[float]] = {sweep.dataset.name: [] for sweep in study.profiles[name].sweeps}
        for cell in plan.cells:
            if cell_id(cell) in measured:
                spent[cell.dataset.name].append(measured[cell_id(cell)])
        rows += [Coverage(name, dataset, wanted[dataset], len(each), sum(each)) for dataset, each in spent.items()]
    fitted = Counter(record.dataset.name for record in baselines if record.baseline in study.baselines)
    return (*rows, *(Coverage("baselines", name, len(study.baselines), fitted[name]) for name in study.datasets))


def gaps(plans: Mapping[str, Plan], records: Iterable[Record]) -> tuple[Gap, ...]:
    """Name the families of each profile that are not measured, or only in part."""
    measured = {record.cell for record in records}
    found: list[Gap] = []
    for name, plan in plans.items():
        wanted = Counter(map(family_of_cell, (*plan.cells, *plan.later)))
        there = Counter(family_of_cell(cell) for cell in plan.cells if cell_id(cell) in measured)
        found += [Gap(name, family, wanted[family], wanted[family] - there[family]) for family in wanted]
    return tuple(gap for gap in found if gap.missing)
