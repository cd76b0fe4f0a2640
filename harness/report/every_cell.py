"""Two tables that hold the error of every cell: tuning repetitions by base rate, final repetitions by seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.claims import Family, Protocol, family_of
from harness.record import Record
from harness.report.summaries import Summary
from harness.report.tables import ABSENT, Column, Table

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


def finals_table(summaries: Sequence[Summary], protocol: Protocol, titles: Mapping[str, str]) -> Table:
    """Build one row for each family with final repetitions, a column for each seed."""
    seeds = protocol.final_repetitions
    rows = []
    for summary in summaries:
        found = {record.specification.repetition: record for record in summary.finals}
        if summary.finals and summary.rate is not None:
            shown = (_percent(found[seed].result.test.error) if seed in found else ABSENT for seed in seeds)
            rows.append((*_names(summary.family, titles), f"{summary.rate:g}", *shown))
    columns = (*_FAMILY, Column("Base rate", numeric=True), *(Column(f"{seed}", numeric=True) for seed in seeds))
    caption = "Test error in percent of every final cell at the chosen base rate, a column for each repetition."
    return Table(caption, columns, tuple(rows))


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
