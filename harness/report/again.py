"""Cells that were measured twice, elsewhere or in another precision: what that alone changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.claims import Family, family_of
from harness.evidence import natural_key
from harness.record import Environment, Record
from harness.report.tables import Column, Table, bracketed, p_value, percent, points
from harness.statistics import Interval, equivalence, mean_interval


@dataclass(frozen=True)
class Again:
    """One family of one set of repeated cells: test errors, again minus committed, as fractions, paired by cell.

    ``interval`` is the 90 % t interval of the mean, ``p`` that of the two one-sided tests against the margin.
    """

    name: str
    family: Family
    committed: Environment
    repeated: Environment
    pairs: int
    identical: int
    mean: float
    interval: Interval | None
    largest: float
    p: float | None


def repeated_families(
    again: Mapping[str, Sequence[Record]], records: Iterable[Record], margin: float
) -> tuple[Again, ...]:
    """Compare each set of repeated cells with the committed records of the same cells, family by family.

    Raises:
        ValueError: when a repeated cell has no committed record.
    """
    committed = {record.cell: record for record in records}
    found: list[Again] = []
    for name, repeats in again.items():
        families: dict[Family, list[tuple[Record, Record]]] = {}
        for record in repeats:
            if record.cell not in committed:
                raise ValueError(
                    f"{name}: {record.cell} was measured again and has no committed record to compare with"
                )
            families.setdefault(family_of(record), []).append((record, committed[record.cell]))
        found += [_compare(name, family, pairs, margin) for family, pairs in families.items()]
    return tuple(sorted(found, key=lambda row: (row.name, natural_key(row.family.dataset), row.family.decay)))


def again_table(rows: Sequence[Again], titles: Mapping[str, str], margin: float) -> Table:
    """Build one row for each family that was measured again."""
    columns = (
        Column("Set"),
        Column("Dataset"),
        Column("Arm"),
        Column("Decay", numeric=True),
        Column("Committed on"),
        Column("Again on"),
        Column("Cells", numeric=True),
        Column("Identical", numeric=True),
        Column("Difference [90\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Largest", numeric=True),
        Column("p", numeric=True),
    )
    caption = (
        "The same cells with the same seeds, measured again: test error in percentage points, again minus committed, "
        "with its 90 % t interval; p of the two one-sided tests that the mean differs by less than "
        f"{100 * margin:g} points. Largest: of the differences of single cells, either way."
    )
    return Table(caption, columns, tuple(_row(row, titles) for row in rows))


def _compare(name: str, family: Family, pairs: Sequence[tuple[Record, Record]], margin: float) -> Again:
    ours = [record.result.test.error for record, _ in pairs]
    theirs = [record.result.test.error for _, record in pairs]
    differences = np.array(ours) - np.array(theirs)
    return Again(
        name=name,
        family=family,
        committed=pairs[0][1].environment,
        repeated=pairs[0][0].environment,
        pairs=len(pairs),
        identical=sum(record.result == other.result for record, other in pairs),
        mean=float(differences.mean()),
        interval=mean_interval(differences, 0.9),
        largest=float(np.abs(differences).max()),
        p=equivalence(ours, theirs, margin) if len(pairs) > 1 else None,
    )


def _row(row: Again, titles: Mapping[str, str]) -> tuple[str, ...]:
    family = row.family
    return (
        row.name,
        f"{titles.get(family.dataset, family.dataset)} ({family.recipe}, {family.implementation})",
        family.arm,
        f"{family.decay:g}",
        _where(row.committed),
        _where(row.repeated),
        f"{row.pairs}",
        f"{row.identical}",
        f"{points(row.mean)} {bracketed(row.interval, signed=True)}",
        percent(row.largest),
        p_value(row.p),
    )


def _where(environment: Environment) -> str:
    return f"{environment.processor}, {environment.device}, {environment.precision}"
