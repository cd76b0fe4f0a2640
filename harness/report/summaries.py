"""Records to one summary per family: the chosen base rate and what the final repetitions say at it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.claims import (
    Family,
    Protocol,
    best_rates,
    chosen_rates,
    family_of,
    final_records,
    paired_errors,
    tuning_errors,
)
from harness.evidence import natural_key
from harness.record import Record
from harness.specification import Implementation, ShippedModel
from harness.statistics import Interval, PairedDifference, mean_interval, paired_difference

UNIFORM, DISCRIMINATIVE = 1.0, 2.6  # the decays of the two ways that the paper compares


@dataclass(frozen=True)
class Summary:
    """One family. Errors are fractions, means over ``finals``; they are absent where there are none.

    ``tuning`` holds the mean validation error of the tuning repetitions at each rate of ``tried``. ``rate`` is absent
    while the tuning is incomplete; ``on_edge`` says that it is the lowest or highest of ``tried``, so that a better one
    may lie outside the grid, ``tied`` that another rate had the same error. ``missing`` are final repetitions without a
    record.
    """

    family: Family
    tried: tuple[float, ...]
    tuning: tuple[float, ...]
    rate: float | None
    on_edge: bool
    tied: bool
    finals: tuple[Record, ...]
    missing: tuple[int, ...]
    test_error: float | None
    interval: Interval | None
    validation_error: float | None
    diverged: int
    cells: int


def line_name(family: Family) -> str:
    """Name a family among those of one data set, recipe and implementation: its arm, and uniform or its decay."""
    return f"{family.arm}, uniform" if family.decay == UNIFORM else f"{family.arm}, decay {family.decay:g}"


def without_shipped_model(records: Iterable[Record]) -> frozenset[str]:
    """The recipes in ``records`` that start from no shipped language model, by name."""
    recipes = (record.specification.recipe for record in records)
    return frozenset(recipe.name for recipe in recipes if not isinstance(recipe.general, ShippedModel))


def summarise(records: Iterable[Record], protocol: Protocol) -> tuple[Summary, ...]:
    """Summarise each family in ``records``, in the natural order of their names; crossed repetitions are left out.

    Raises:
        ValueError: as :func:`harness.claims.final_records`.
    """
    records = tuple(record for record in records if record.specification.recipe.crossing is None)
    chosen, tuned = chosen_rates(records, protocol), tuning_errors(records, protocol)
    finals = final_records(records, protocol)
    counts: dict[Family, int] = {}
    for record in records:
        counts[family_of(record)] = counts.get(family_of(record), 0) + 1
    summaries = []
    for family in sorted(counts, key=_order):
        rate, tuning = chosen.get(family), dict(sorted(tuned.get(family, {}).items()))
        tried = tuple(tuning)
        on_edge = len(tried) > 1 and rate in (tried[0], tried[-1])
        summary = replace(_of_finals(family, finals.get(family, {}), protocol), tuning=tuple(tuning.values()))
        tied = len(tuning) > 1 and len(best_rates(tuning)) > 1
        summaries.append(replace(summary, tried=tried, rate=rate, on_edge=on_edge, tied=tied, cells=counts[family]))
    return tuple(summaries)


def difference_to_uniform(summary: Summary, summaries: Sequence[Summary]) -> PairedDifference | None:
    """Compare with the same family at decay 1, paired by repetition; absent for decay 1 itself or without pairs."""
    uniform = uniform_of(summary, summaries)
    if uniform is None:
        return None
    left, right = paired_errors(by_repetition(summary), by_repetition(uniform))
    return paired_difference(left, right) if left else None


def uniform_of(summary: Summary, summaries: Iterable[Summary]) -> Summary | None:
    """Look up the same family at decay 1; absent for decay 1 itself."""
    return None if summary.family.decay == UNIFORM else find(summaries, replace(summary.family, decay=UNIFORM))


def by_repetition(summary: Summary) -> dict[int, Record]:
    """Index the final records by repetition."""
    return {record.specification.repetition: record for record in summary.finals}


def finals_by_rate(records: Iterable[Record], protocol: Protocol) -> dict[tuple[Family, float], dict[int, Record]]:
    """Sort the final records of any base rate, chosen or not: by family and rate, then by repetition."""
    found: dict[tuple[Family, float], dict[int, Record]] = {}
    for record in records:
        cell = record.specification
        if cell.repetition in protocol.final_repetitions and cell.recipe.crossing is None:
            found.setdefault((family_of(record), cell.base_rate), {})[cell.repetition] = record
    return found


def find(summaries: Iterable[Summary], family: Family) -> Summary | None:
    """Look up the summary of ``family``, if there is one."""
    return next((summary for summary in summaries if summary.family == family), None)


def datasets_of(summaries: Iterable[Summary]) -> list[str]:
    """Name the datasets, each once, in the order of the summaries."""
    return list(dict.fromkeys(summary.family.dataset for summary in summaries))


def implementations_of(summaries: Iterable[Summary]) -> list[Implementation]:
    """Name the implementations, each once, in the order of the summaries."""
    return list(dict.fromkeys(summary.family.implementation for summary in summaries))


def swept_arm(summaries: Iterable[Summary]) -> str | None:
    """Name the arm that was run with the most decays, the one whose decay is studied; none without final records."""
    decays: dict[str, set[float]] = {}
    for summary in summaries:
        if summary.finals:
            decays.setdefault(summary.family.arm, set()).add(summary.family.decay)
    return max(sorted(decays), key=lambda arm: len(decays[arm]), default=None)


def _of_finals(family: Family, finals: dict[int, Record], protocol: Protocol) -> Summary:
    records = tuple(finals[repetition] for repetition in sorted(finals))
    errors = [record.result.test.error for record in records]
    return Summary(
        family=family,
        tried=(),
        tuning=(),
        rate=None,
        on_edge=False,
        tied=False,
        finals=records,
        missing=tuple(repetition for repetition in protocol.final_repetitions if repetition not in finals),
        test_error=float(np.mean(errors)) if errors else None,
        interval=mean_interval(errors) if errors else None,
        validation_error=float(np.mean([record.result.validation.error for record in records])) if records else None,
        diverged=sum(record.result.outcome == "diverged" for record in records),
        cells=0,
    )


def _order(family: Family) -> tuple[object, ...]:
    names = natural_key(f"{family.dataset}/{family.recipe}")
    return names, family.implementation != "torch", family.arm, family.decay
