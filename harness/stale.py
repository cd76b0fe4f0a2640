"""Which committed final cells answer nothing any more: those at base rates that tuning, complete, no longer chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.claims import Family, Protocol, family_of, family_of_cell
from harness.plan import Plan
from harness.record import Record
from harness.specification import cell_id


@dataclass(frozen=True)
class Stale:
    """Cells that answer nothing; ``open`` counts those that may, by family, since nothing chooses its base rate yet."""

    cells: tuple[str, ...]
    open: Mapping[Family, int]


def stale(records: Iterable[Record], plans: Iterable[Plan], protocol: Protocol) -> Stale:
    """Find the final cells that no profile plans, of families that profiles have and whose tuning is complete.

    Tuning cells are never among them, nor any cell of a family that no profile has, such as one of another decay.
    """
    every = tuple(plans)
    planned = {cell_id(cell) for plan in every for cell in plan.cells}
    declared = {family_of_cell(cell) for plan in every for cell in plan.cells}
    undecided = {family for plan in every for family in (*plan.waiting, *plan.guessed)}
    left = [
        record
        for record in records
        if record.cell not in planned
        and family_of(record) in declared
        and record.specification.repetition not in protocol.tuning_repetitions
    ]
    return Stale(
        tuple(record.cell for record in left if family_of(record) not in undecided),
        Counter(family_of(record) for record in left if family_of(record) in undecided),
    )
