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

_OF_PRECISIONS = ("again/precisions/difference", "again/precisions/interval", "again/precisions/within")


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


def repeated_cells(
    again: Mapping[str, Sequence[Record]], records: Iterable[Record], margin: float
) -> tuple[Again, ...]:
    """Compare each set of repeated cells with the committed ones; cells that differ in the repetition alone together.

    Raises:
        EvidenceError: when a repeated cell has no committed record, or one that is declared otherwise, or is that
            record itself.
    """
    committed = {record.cell: record for record in records}
    groups: dict[Condition, list[tuple[Record, Record]]] = {}
    for name, repeats in again.items():
        for record in repeats:
            other = committed.get(record.cell)
            if other is None or other.specification != record.specification:
                raise EvidenceError(
                    f"{AGAIN}/{name}: {record.cell} is not a committed cell as it is declared; measure that one again, "
                    "or take this one out"
                )
            if other.finished == record.finished and other.environment == record.environment:
                raise EvidenceError(f"{AGAIN}/{name}: {record.cell} is the committed record itself; take it out")
            cell = replace(record.specification, repetition=0)
            same_code = other.inputs.source == record.inputs.source
            condition = Condition(name, cell, (_where(other), _where(record)), same_code)
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


def precision_numbers(
    again: Mapping[str, Sequence[Record]], records: Iterable[Record], margin: float
) -> dict[str, Value]:
    """What float32 changes against bfloat16 over all cells that ran in both, on whatever processors.

    The cells are one sample, one that ran several times in a precision with its mean there: the mean difference in test
    error, its 90 % t interval, and whether that is within the margin.
    """
    repeated = [record for found in again.values() for record in found]
    cells = {record.cell for record in repeated}
    errors: dict[tuple[str, str], list[float]] = {}
    for record in (*(record for record in records if record.cell in cells), *repeated):
        errors.setdefault((record.cell, record.environment.precision), []).append(record.result.test.error)
    both = sorted(cell for cell in cells if (cell, "float32") in errors and (cell, "bfloat16") in errors)
    if len(both) < 2:
        return {"again/precisions": 0, **dict.fromkeys(_OF_PRECISIONS, ABSENT)}
    single, half = ([float(np.mean(errors[cell, name])) for cell in both] for name in ("float32", "bfloat16"))
    differences = np.array(single) - np.array(half)
    return {
        "again/precisions": len(both),
        "again/precisions/difference": points(float(differences.mean())),
        "again/precisions/interval": bracketed(mean_interval(differences, 0.9), signed=True),
        "again/precisions/within": equivalence(single, half, margin) <= SIGNIFICANCE,
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


def _where(record: Record) -> str:
    environment = record.environment
    return f"{environment.processor}, {environment.device}, {environment.precision}, torch {environment.torch}"
