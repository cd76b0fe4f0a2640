"""Cells that were measured twice, elsewhere or in another precision: what that alone changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.evidence import AGAIN, EvidenceError, natural_key
from harness.record import Record
from harness.report.tables import ABSENT, Column, Table, Value, bracketed, p_value, percent, points
from harness.specification import Cell, cell_id
from harness.statistics import Interval, equivalence, mean_interval
from harness.verdicts import SIGNIFICANCE

_OF_PRECISIONS = tuple(f"again/precisions/{name}" for name in ("pairs", "datasets", "difference", "interval", "within"))


@dataclass(frozen=True)
class Condition:
    """A set's name, a cell whatever its repetition, on what both ran, and whether the same code trained them."""

    name: str
    cell: Cell
    where: tuple[str, str]  # committed, again
    same_code: bool


@dataclass(frozen=True)
class Again:
    """Repeated cells of one condition: test error again minus committed, as fractions, paired by repetition.

    ``interval`` is the 90 % t interval of the mean, ``p`` that of the two one-sided tests against the margin.
    """

    condition: Condition
    pairs: int
    identical: int
    mean: float
    interval: Interval | None
    largest: float
    p: float | None


Repeat = tuple[str, Record, Record]  # the set's name, the record measured again, the committed one


def paired_with_committed(again: Mapping[str, Sequence[Record]], records: Iterable[Record]) -> tuple[Repeat, ...]:
    """Pair each repeated cell of each set with its committed record.

    Raises:
        EvidenceError: when a repeated cell has no committed record, or one that is declared otherwise, or is that
            record itself.
    """
    committed = {record.cell: record for record in records}
    found = []
    for name, record in ((name, record) for name, repeats in again.items() for record in repeats):
        other = committed.get(record.cell)
        if other is None or other.specification != record.specification:
            raise EvidenceError(
                f"{AGAIN}/{name}: {record.cell} is not a committed cell as it is declared; measure that one again, "
                "or take this one out"
            )
        if other.finished == record.finished and other.environment == record.environment:
            raise EvidenceError(f"{AGAIN}/{name}: {record.cell} is the committed record itself; take it out")
        found.append((name, record, other))
    return tuple(found)


def repeated_cells(repeats: Iterable[Repeat], margin: float) -> tuple[Again, ...]:
    """Compare repeated cells with the committed ones; cells that differ in the repetition alone together."""
    groups: dict[Condition, list[tuple[Record, Record]]] = {}
    for name, record, other in repeats:
        cell = replace(record.specification, repetition=0)
        same_code = other.inputs.source == record.inputs.source
        condition = Condition(name, cell, (where(other), where(record)), same_code)
        groups.setdefault(condition, []).append((record, other))
    found = [_compare(condition, pairs, margin) for condition, pairs in groups.items()]
    return tuple(sorted(found, key=lambda row: (row.condition.name, natural_key(cell_id(row.condition.cell)))))


def again_table(rows: Sequence[Again], titles: Mapping[str, str], margin: float) -> Table:
    """Build one row for each condition."""
    columns = (
        Column("Set"),
        Column("Dataset"),
        Column("Arm"),
        Column("Decay", numeric=True),
        Column("Base rate", numeric=True),
        Column("Committed on"),
        Column("Again on"),
        Column("Code"),
        Column("Cells", numeric=True),
        Column("Identical", numeric=True),
        Column("Difference [90\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Largest", numeric=True),
        Column("p", numeric=True),
    )
    caption = (
        "The same cells with the same seeds, measured again: test error in percentage points, again minus committed, "
        "with its 90 % t interval; p of the two one-sided tests that the mean differs by less than "
        f"{100 * margin:g} points. Largest: of the differences of single cells, either way. Code: whether the training "
        "code was the same as well."
    )
    return Table(caption, columns, tuple(_row(row, titles) for row in rows))


def again_numbers(rows: Sequence[Again]) -> dict[str, Value]:
    """Count cells, and the conditions whose mean is shown to have moved less than the margin; tell what moved most."""
    found: dict[str, Value] = {
        "again/conditions": len(rows),
        "again/same-code": sum(row.condition.same_code for row in rows),
        "again/within": sum(row.p is not None and row.p <= SIGNIFICANCE for row in rows),
        "again/largest-mean": percent(max((abs(row.mean) for row in rows), default=None)),
        "again/largest": percent(max((row.largest for row in rows), default=None)),
    }
    if not rows:
        found |= dict.fromkeys(found, ABSENT)
    return found | {"again/cells": sum(row.pairs for row in rows)}


def precision_numbers(repeats: Iterable[Repeat], margin: float) -> dict[str, Value]:
    """What float32 changes against bfloat16, whatever processor and training code differ with it.

    Cells that ran in both are averaged within their data set and repetition, which share labels, seeds and test items;
    these means, of several data sets, are one sample of independent differences in test error.
    """
    errors: dict[str, dict[str, list[float]]] = {}
    pairs: dict[str, tuple[str, int]] = {}
    for record in {id(record): record for _, *both in repeats for record in both}.values():
        by_precision = errors.setdefault(record.cell, {})
        by_precision.setdefault(record.environment.precision, []).append(record.result.test.error)
        pairs[record.cell] = (record.specification.dataset.name, record.specification.repetition)
    both = {cell: found for cell, found in errors.items() if {"float32", "bfloat16"} <= set(found)}
    samples = {pairs[cell]: [other for other in both if pairs[other] == pairs[cell]] for cell in sorted(both)}
    if len(samples) < 2:
        return {"again/precisions/cells": 0, **dict.fromkeys(_OF_PRECISIONS, ABSENT)}
    in_float32, in_bfloat16 = (
        [float(np.mean([np.mean(both[cell][precision]) for cell in cells])) for cells in samples.values()]
        for precision in ("float32", "bfloat16")
    )
    differences = np.array(in_float32) - np.array(in_bfloat16)
    within = equivalence(in_float32, in_bfloat16, margin) <= SIGNIFICANCE
    return {
        "again/precisions/cells": len(both),
        "again/precisions/pairs": len(samples),
        "again/precisions/datasets": len({dataset for dataset, _ in samples}),
        "again/precisions/difference": points(float(differences.mean())),
        "again/precisions/interval": bracketed(mean_interval(differences, 0.9), signed=True),
        "again/precisions/within": f"{'' if within else 'not '}shown to be within the margin",
    }


def _compare(condition: Condition, pairs: Sequence[tuple[Record, Record]], margin: float) -> Again:
    ours = [record.result.test.error for record, _ in pairs]
    theirs = [record.result.test.error for _, record in pairs]
    differences = np.array(ours) - np.array(theirs)
    return Again(
        condition=condition,
        pairs=len(pairs),
        identical=sum(record.result == other.result for record, other in pairs),
        mean=float(differences.mean()),
        interval=mean_interval(differences, 0.9),
        largest=float(np.abs(differences).max()),
        p=equivalence(ours, theirs, margin) if len(pairs) > 1 else None,
    )


def _row(row: Again, titles: Mapping[str, str]) -> tuple[str, ...]:
    condition, cell = row.condition, row.condition.cell
    return (
        condition.name,
        f"{titles.get(cell.dataset.name, cell.dataset.name)} ({cell.recipe.name}, {cell.implementation})",
        cell.arm.name,
        f"{cell.arm.decay:g}",
        f"{cell.base_rate:g}",
        *condition.where,
        "same" if condition.same_code else "other",
        f"{row.pairs}",
        f"{row.identical}",
        f"{points(row.mean)} {bracketed(row.interval, signed=True)}",
        percent(row.largest),
        p_value(row.p),
    )


def where(record: Record) -> str:
    """Name what a cell ran on, and in which precision."""
    environment = record.environment
    return f"{environment.processor}, {environment.device}, {environment.precision}, torch {environment.torch}"
