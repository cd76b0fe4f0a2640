"""What decay 2.6 changes against 1, where the cells of both were measured again: the study's question, elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.claims import Family, family_of, paired_errors
from harness.record import Record
from harness.report.summaries import DISCRIMINATIVE, UNIFORM
from harness.report.tables import Column, Table, Value, bracketed, difference_text, p_value, points
from harness.statistics import Interval, PairedDifference, equivalence, mean_interval, paired_difference
from harness.verdicts import SIGNIFICANCE

Cells = Mapping[int, Record]  # by repetition


@dataclass(frozen=True)
class ContrastAgain:
    """Test error at decay 2.6 minus that at 1, as fractions: of a set's cells and of the committed ones they repeat.

    ``change`` is the former minus the latter, paired by repetition, with its 90 % t interval and the p value of the two
    one-sided tests against the margin. ``family`` is that of 2.6, ``rates`` are the base rates at 1 and at 2.6, and
    ``where`` is what they were measured again on.
    """

    name: str
    family: Family
    rates: tuple[float, float]
    where: str
    committed: PairedDifference
    again: PairedDifference
    change: float
    interval: Interval | None
    p: float


def contrasts_again(
    again: Mapping[str, Sequence[Record]], records: Iterable[Record], margin: float
) -> tuple[ContrastAgain, ...]:
    """Compare each set's contrasts of 2.6 with 1 with the committed ones, over the repetitions that it has of both."""
    committed = {record.cell: record for record in records}
    found = []
    for name, repeats in again.items():
        groups: dict[tuple[Family, float], dict[int, Record]] = {}
        for record in repeats:
            cell = record.specification
            groups.setdefault((family_of(record), cell.base_rate), {})[cell.repetition] = record
        for (family, high), left in groups.items():
            for (other, low), right in groups.items():
                contrasted = family.decay == DISCRIMINATIVE and other == replace(family, decay=UNIFORM)
                if contrasted and set(left) & set(right):
                    found.append(_contrast(name, (low, high), (left, right), committed, margin))
    return tuple(sorted(found, key=lambda one: (one.name, one.family.dataset, one.family.implementation, one.rates)))


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
        "What decay 2.6 changes against the uniform rate, each at its base rate, in points of test error: in the "
        "committed cells, and in the same cells measured again (95 % BCa intervals, not adjusted); the difference of "
        "the two, paired by repetition, and p of the two one-sided tests that its mean is below "
        f"{100 * margin:g} points either way."
    )
    return Table(caption, columns, tuple(_row(one, titles) for one in found))


def contrast_again_numbers(found: Sequence[ContrastAgain]) -> dict[str, Value]:
    """Count the contrasts, those that keep their sign and those that are shown to change by less than the margin."""
    return {
        "again/contrasts": len(found),
        "again/contrasts/same-sign": sum(one.committed.mean * one.again.mean > 0 for one in found),
        "again/contrasts/within": sum(one.p <= SIGNIFICANCE for one in found),
    }


def _contrast(
    name: str, rates: tuple[float, float], sides: tuple[Cells, Cells], committed: Mapping[str, Record], margin: float
) -> ContrastAgain:
    before = [{number: committed[record.cell] for number, record in side.items()} for side in sides]
    (left, right), (old_left, old_right) = paired_errors(*sides), paired_errors(*before)
    new = [one - other for one, other in zip(left, right, strict=True)]
    old = [one - other for one, other in zip(old_left, old_right, strict=True)]
    changes = [one - other for one, other in zip(new, old, strict=True)]
    records = [record for side in sides for record in side.values()]
    places = {f"{record.environment.processor}, {record.environment.precision}" for record in records}
    return ContrastAgain(
        name=name,
        family=family_of(records[0]),
        rates=rates,
        where="; ".join(sorted(places)),
        committed=paired_difference(old_left, old_right),
        again=paired_difference(left, right),
        change=sum(changes) / len(changes),
        interval=mean_interval(changes, 0.9),
        p=equivalence(new, old, margin),
    )


def _row(one: ContrastAgain, titles: Mapping[str, str]) -> tuple[str, ...]:
    family = one.family
    return (
        one.name,
        f"{titles.get(family.dataset, family.dataset)} ({family.recipe}, {family.implementation})",
        family.arm,
        " / ".join(f"{rate:g}" for rate in one.rates),
        one.where,
        f"{one.again.n}",
        difference_text(one.committed),
        difference_text(one.again),
        f"{points(one.change)} {bracketed(one.interval, signed=True)}",
        p_value(one.p),
    )
