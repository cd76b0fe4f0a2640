"""A fresh run against the committed evidence, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from harness.claims import family_of
from harness.evidence import natural_key
from harness.record import Record, result_digest
from harness.statistics import Interval, prediction_interval

Agreement = Literal["identical", "reproduced", "drifted", "undetermined", "unmatched"]
LEVEL = 0.99


@dataclass(frozen=True)
class Comparison:
    """One fresh cell. Errors are test errors, fractions; ``interval`` is where a further seed's error is expected.

    identical     the same result to the bit;
    reproduced    the test error lies in the 99 % prediction interval from the committed ``seeds`` of the same family
                  and base rate, widened by one test item, the step in which an error moves;
    drifted       it lies outside, or one of the two diverged and the other did not, or the cell is declared otherwise;
    undetermined  not identical, and fewer than two committed seeds to judge by;
    unmatched     no committed record of this cell.
    """

    cell: str
    agreement: Agreement
    error: float
    committed: float | None
    interval: Interval | None
    seeds: int


def measured_anew(records: Iterable[Record], committed: Iterable[Record]) -> tuple[Record, ...]:
    """The ``records`` that are not the committed ones themselves, adopted or exported, which would agree by nature."""
    known = {record.cell: _without_probabilities(record) for record in committed}
    return tuple(record for record in records if _without_probabilities(record) != known.get(record.cell))


def _without_probabilities(record: Record) -> Record:
    """The record as it is whether or not its evidence keeps them."""
    return replace(record, probabilities=None)


def compare(new_records: Iterable[Record], committed_records: Iterable[Record]) -> tuple[Comparison, ...]:
    """Compare each new record with the committed one of the same cell, in natural order of the cells.

    Raises:
        ValueError: when a cell occurs twice among the committed records.
    """
    committed: dict[str, Record] = {}
    populations: dict[object, list[float]] = {}
    for record in committed_records:
        if record.cell in committed:
            raise ValueError(f"{record.cell}: two committed records of this cell; keep one")
        committed[record.cell] = record
        populations.setdefault(_population(record), []).append(record.result.test.error)
    new = sorted(new_records, key=lambda record: natural_key(record.cell))
    return tuple(_compare(r, committed.get(r.cell), populations.get(_population(r), [])) for r in new)


def _population(record: Record) -> object:
    return family_of(record), record.specification.base_rate


def _compare(new: Record, old: Record | None, errors: list[float]) -> Comparison:
    error = new.result.test.error
    if old is None:
        return Comparison(new.cell, "unmatched", error, None, None, len(errors))
    interval = _widened(errors, old.result.test.items) if len(errors) > 1 else None
    agreement: Agreement = "drifted"
    if result_digest(new) == result_digest(old):
        agreement = "identical"
    elif new.result.outcome != old.result.outcome or new.specification != old.specification:
        agreement = "drifted"
    elif interval is None:
        agreement = "undetermined"
    elif interval[0] <= error <= interval[1]:
        agreement = "reproduced"
    return Comparison(new.cell, agreement, error, old.result.test.error, interval, len(errors))


def _widened(errors: list[float], items: int) -> Interval:
    low, high = prediction_interval(errors, level=LEVEL)
    step = 1 / items + 1e-9  # the tolerance keeps an error of exactly one item more inside, whatever the rounding
    return max(0.0, low - step), min(1.0, high + step)
