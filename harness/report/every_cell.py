"""Tables that hold the error of every cell: tuning repetitions by base rate, final and crossed repetitions by seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.claims import Family, Protocol, family_of, family_of_cell
from harness.record import Record
from harness.report.summaries import Summary
from harness.report.tables import ABSENT, Column, Table
from harness.variance import crossed_errors

_FAMILY = (Column("Dataset"), Column("Implementation"), Column("Arm"), Column("Decay", numeric=True))


def tuning_table(
    summaries: Sequence[Summary], records: Iterable[Record], protocol: Protocol, titles: Mapping[str, str]
) -> Table:
    """Build one row for each family that was tuned, a column for each base rate that any family tried."""
    errors = _validation_errors(records)
    families = [summary.family for summary in summaries if summary.tuning]
    tuned = set(protocol.tuning_repetitions)
    tried = {(family, rate) for family, rate, repetition in errors if repetition in tuned}
    rates = sorted({rate for _, rate in tried})
    rows = [
        (*_names(family, titles), *(_both(errors, family, rate, protocol.tuning_repetitions) for rate in rates))
        for family in families
    ]
    caption = (
        "Validation error in percent of every tuning cell: a column for each base rate, the repetitions "
        f"{' / '.join(map(str, protocol.tuning_repetitions))} beside each other."
    )
    return Table(caption, (*_FAMILY, *(Column(f"{rate:g}", numeric=True) for rate in rates)), tuple(rows))


def finals_table(
    summaries: Sequence[Summary], records: Iterable[Record], protocol: Protocol, titles: Mapping[str, str]
) -> Table:
    """Build one row for each family and base rate with final repetitions, a column for each repetition."""
    seeds = protocol.final_repetitions
    errors: dict[tuple[Family, float], dict[int, float]] = {}
    for record in records:
        cell = record.specification
        if cell.repetition in seeds and cell.recipe.crossing is None:
            of_rate = errors.setdefault((family_of(record), cell.base_rate), {})
            of_rate[cell.repetition] = record.result.test.error
    rows = []
    for summary in summaries:
        for rate in sorted(rate for family, rate in errors if family == summary.family):
            found = errors[summary.family, rate]
            shown = (_percent(found[seed]) if seed in found else ABSENT for seed in seeds)
            rows.append((*_names(summary.family, titles), f"{rate:g}{'*' * (rate == summary.rate)}", *shown))
    columns = (*_FAMILY, Column("Base rate", numeric=True), *(Column(f"{seed}", numeric=True) for seed in seeds))
    caption = (
        "Test error in percent of every final cell, a column for each repetition. * the base rate that tuning chose."
    )
    return Table(caption, columns, tuple(rows))


def crossed_table(records: Iterable[Record], titles: Mapping[str, str]) -> Table:
    """Build one row for each initialisation of a crossed family, a column for each data order."""
    found = crossed_errors(records)
    rows = [
        (*_names(family_of_cell(cell), titles), f"{cell.base_rate:g}", f"{initialisation}", *map(_percent, errors))
        for cell, square in found.items()
        for initialisation, errors in enumerate(square)
    ]
    orders = max((len(square) for square in found.values()), default=0)
    columns = (
        *_FAMILY,
        *(Column(name, numeric=True) for name in ("Base rate", "Initialisation", *map(str, range(orders)))),
    )
    caption = "Test error in percent of every cell that crosses initialisations (rows) with data orders (columns)."
    return Table(caption, columns, tuple((*row, *(ABSENT,) * (len(columns) - len(row))) for row in rows))


def _validation_errors(records: Iterable[Record]) -> dict[tuple[Family, float, int], float]:
    return {
        (family_of(record), record.specification.base_rate, record.specification.repetition): (
            record.result.validation.error
        )
        for record in records
    }


def _both(
    errors: Mapping[tuple[Family, float, int], float], family: Family, rate: float, repetitions: Sequence[int]
) -> str:
    found = [errors.get((family, rate, repetition)) for repetition in repetitions]
    return (
        ABSENT
        if all(error is None for error in found)
        else " / ".join(ABSENT if error is None else _percent(error) for error in found)
    )


def _names(family: Family, titles: Mapping[str, str]) -> tuple[str, ...]:
    dataset = f"{titles.get(family.dataset, family.dataset)} ({family.recipe})"
    return dataset, family.implementation, family.arm, f"{family.decay:g}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
