"""What decay 2.6 changes against 1, where the cells of both were measured again: the study's question, elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from harness.claims import Family, Protocol, family_of
from harness.record import Record
from harness.report.again import Repeat, where
from harness.report.summaries import DISCRIMINATIVE, UNIFORM
from harness.report.tables import ABSENT, Column, Table, Value, bracketed, difference_text, p_value, points
from harness.statistics import Interval, PairedDifference, equivalence, mean_interval, paired_difference
from harness.verdicts import SIGNIFICANCE

Repeats = Mapping[int, tuple[Record, Record]]  # by repetition: measured again, committed


@dataclass(frozen=True)
class ContrastAgain:
    """Test error at decay 2.6 minus that at 1, as fractions: of a set's cells and of the committed ones they repeat.

    ``change`` is the former minus the latter, paired by repetition, with its 90 % t interval and the p value of the two
    one-sided tests against the margin. ``family`` is that of 2.6, ``rates`` are the base rates at 1 and at 2.6, and
    ``places`` what they were measured again on.
    """

    name: str
    family: Family
    rates: tuple[float, float]
    places: tuple[str, ...]
    committed: PairedDifference
    again: PairedDifference
    change: float
    interval: Interval | None
    p: float | None


def contrasts_again(repeats: Iterable[Repeat], protocol: Protocol) -> tuple[ContrastAgain, ...]:
    """Compare each contrast of 2.6 with 1 that a set has with the committed one, over the final repetitions of both.

    Where a set has several base rates of a family, each is contrasted with each of the other's.
    """
    groups: dict[tuple[str, Family, float], dict[int, tuple[Record, Record]]] = {}
    for name, record, other in repeats:
        cell = record.specification
        if cell.repetition in protocol.final_repetitions:
            group = groups.setdefault((name, family_of(record), cell.base_rate), {})
            group[cell.repetition] = (record, other)
    found = []
    for (name, family, rate), discriminative in groups.items():
        for (other_name, other_family, other_rate), uniform in groups.items():
            contrasted = family.decay == DISCRIMINATIVE and other_family == replace(family, decay=UNIFORM)
            if name == other_name and contrasted and set(discriminative) & set(uniform):
                rates = (other_rate, rate)
                found.append(_contrast(name, family, rates, (discriminative, uniform), protocol.margin))
    return tuple(sorted(found, key=lambda one: (one.name, astuple(one.family), one.rates)))


def contrasts_again_table(found: Iterable[ContrastAgain], titles: Mapping[str, str], margin: float) -> Table:
    """Build one row for each of ``found``."""
    columns = (
        Column("Set"),
        Column("Dataset"),
        Column("Arm"),
        Column("Base rates", numeric=True),
        Column("Again on"),
        Column("Pairs", numeric=True),
        Column("2.6 − 1, committed", numeric=True),
        Column("2.6 − 1, again", numeric=True),
        Column("Change [90\N{NO-BREAK SPACE}%]", numeric=True),
        Column("p", numeric=True),
    )
    caption = (
        "What decay 2.6 changes against the uniform rate, at the base rates shown, in points of test error: in the "
        "committed cells, and in the same cells measured again (95 % BCa intervals, not adjusted); the difference of "
        "the two, paired by repetition, and p of the two one-sided tests that its mean is below "
        f"{100 * margin:g} points either way."
    )
    return Table(caption, columns, tuple(_row(one, titles) for one in found))


def contrast_again_numbers(found: Sequence[ContrastAgain]) -> dict[str, Value]:
    """Count the contrasts: that keep their sign, that show one, that are shown to change by less than the margin."""
    counts: dict[str, Value] = {
        "again/contrasts/same-sign": sum(one.committed.mean * one.again.mean > 0 for one in found),
        "again/contrasts/shown": sum(_excludes_zero(one.again.interval) for one in found),
        "again/contrasts/within": sum(one.p is not None and one.p <= SIGNIFICANCE for one in found),
    }
    if not found:
        counts |= dict.fromkeys(counts, ABSENT)
    return counts | {"again/contrasts": len(found)}


def _excludes_zero(interval: Interval | None) -> bool:
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def _contrast(
    name: str, family: Family, rates: tuple[float, float], sides: tuple[Repeats, Repeats], margin: float
) -> ContrastAgain:
    shared = sorted(set(sides[0]) & set(sides[1]))
    again, committed = (
        [np.array([side[n][which].result.test.error for n in shared]) for side in sides] for which in (0, 1)
    )
    new, old = again[0] - again[1], committed[0] - committed[1]
    return ContrastAgain(
        name=name,
        family=family,
        rates=rates,
        places=tuple(sorted({where(side[n][0]) for side in sides for n in shared})),
        committed=paired_difference(*committed),
        again=paired_difference(*again),
        change=float(np.mean(new - old)),
        interval=mean_interval(new - old, 0.9),
        p=equivalence(new, old, margin) if len(shared) > 1 else None,
    )


def _row(one: ContrastAgain, titles: Mapping[str, str]) -> tuple[str, ...]:
    family = one.family
    return (
        one.name,
        f"{titles.get(family.dataset, family.dataset)} ({family.recipe}, {family.implementation})",
        family.arm,
        " / ".join(f"{rate:g}" for rate in one.rates),
        "; ".join(one.places),
        f"{one.again.n}",
        difference_text(one.committed),
        difference_text(one.again),
        f"{points(one.change)} {bracketed(one.interval, signed=True)}",
        p_value(one.p),
    )
