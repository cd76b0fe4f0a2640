"""Our errors beside those that were published, and whether the published contrasts keep their sign.

Both are validation errors, the published ones of one run on a whole dataset, ours means over the final seeds at base
rates tuned for each arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.claims import Family
from harness.published import Published, PublishedArm, PublishedContrast
from harness.report.summaries import Summary, by_repetition, find
from harness.report.tables import ABSENT, Column, Table, bracketed, percent, points
from harness.specification import Implementation
from harness.statistics import PairedDifference, paired_difference

Sign = Literal["same", "opposite", "no sign", "not measured"]
Way = tuple[str, Implementation]  # recipe and implementation: one way in which we measured


@dataclass(frozen=True)
class Repeated:
    """A published contrast on one dataset and ours, after minus before, as fractions; ``way`` absent: not measured."""

    contrast: PublishedContrast
    dataset: str
    published: float
    way: Way | None
    ours: PairedDifference | None

    @property
    def sign(self) -> Sign:
        """Compare the signs; a difference of 0 has none."""
        if self.ours is None:
            return "not measured"
        if 0 in (self.published, self.ours.mean):
            return "no sign"
        return "same" if (self.published < 0) == (self.ours.mean < 0) else "opposite"


def repeat_contrasts(published: Published, summaries: Sequence[Summary]) -> tuple[Repeated, ...]:
    """Set ours beside each published contrast and dataset, once for each recipe and implementation that has both sides.

    Where none has, the contrast stands alone.
    """
    found: list[Repeated] = []
    for contrast in published.contrasts:
        for dataset in published.datasets:
            difference = (contrast.after.percent[dataset] - contrast.before.percent[dataset]) / 100
            pairs = {way: _difference(contrast, (dataset, way), summaries) for way in _ways(summaries)}
            measured = [Repeated(contrast, dataset, difference, way, pair) for way, pair in pairs.items() if pair]
            found += measured or [Repeated(contrast, dataset, difference, None, None)]
    return tuple(found)


def contrasts_table(published: Published, summaries: Sequence[Summary], titles: Mapping[str, str]) -> Table:
    """Build one row for each published contrast, dataset, and way in which we measured it."""
    columns = (
        Column("Table"),
        Column("Contrast"),
        Column("Dataset"),
        Column("Paper", numeric=True),
        Column("Recipe"),
        Column("Implementation"),
        Column("Ours [95\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Pairs", numeric=True),
        Column("Sign"),
    )
    caption = (
        "What each step changes in the validation error, in percentage points: in the paper, one run each, and in "
        "ours, paired by seed with 95 % BCa intervals, not adjusted for their number. Sign compares the differences "
        "alone, whatever their intervals. Paper and ours differ in model size, number of labels and base rates: in "
        "Table 7 the paper's arms without discr ran at a tenth of the base rate, ours are all tuned alike."
    )
    return Table(caption, columns, tuple(_contrast_row(row, titles) for row in repeat_contrasts(published, summaries)))


def published_table(published: Published, summaries: Sequence[Summary], titles: Mapping[str, str]) -> Table:
    """Build one row for each published arm and way in which we measured it, published and ours side by side."""
    headings = [
        f"{whose}: {name}"
        for dataset, original in published.datasets.items()
        for whose, name in (("Paper", original), ("Ours", titles.get(dataset, dataset)))
    ]
    fixed = ("Table", "Arm", "Recipe", "Implementation")
    columns = (*map(Column, fixed), *(Column(heading, numeric=True) for heading in headings))
    caption = (
        "Validation error in percent: the paper's, one run each, and ours, means over the final seeds. A dash: not "
        "measured. The paper's models are larger and see all labels."
    )
    rows: list[tuple[str, ...]] = []
    for arm in published.arms:
        ways: list[Way | None] = [
            way for way in _ways(summaries) if any(_find(arm, (name, way), summaries) for name in arm.percent)
        ]
        rows += [_arm_row(arm, way, published, summaries) for way in ways or [None]]
    return Table(caption, columns, tuple(rows))


def _ways(summaries: Sequence[Summary]) -> list[Way]:
    return list(dict.fromkeys((summary.family.recipe, summary.family.implementation) for summary in summaries))


def _find(arm: PublishedArm, place: tuple[str, Way], summaries: Sequence[Summary]) -> Summary | None:
    """Find our final repetitions of a published arm at (dataset, way)."""
    dataset, (recipe, implementation) = place
    family = Family(dataset, recipe, implementation, arm.arm or "", arm.decay)
    summary = find(summaries, family)
    return summary if summary is not None and summary.finals else None


def _difference(
    contrast: PublishedContrast, place: tuple[str, Way], summaries: Sequence[Summary]
) -> PairedDifference | None:
    """Pair the validation errors by repetition; absent without pairs."""
    after, before = (_find(arm, place, summaries) for arm in (contrast.after, contrast.before))
    if after is None or before is None:
        return None
    left, right = by_repetition(after), by_repetition(before)
    shared = sorted(set(left) & set(right))
    sides = [[side[number].result.validation.error for number in shared] for side in (left, right)]
    return paired_difference(*sides) if shared else None


def _contrast_row(row: Repeated, titles: Mapping[str, str]) -> tuple[str, ...]:
    recipe, implementation = row.way or (ABSENT, ABSENT)
    ours = row.ours
    return (
        row.contrast.after.table,
        f"{row.contrast.before.name} → {row.contrast.after.name}",
        titles.get(row.dataset, row.dataset),
        points(row.published),
        recipe,
        implementation,
        f"{points(ours.mean)} {bracketed(ours.interval, signed=True)}" if ours else ABSENT,
        f"{ours.n}" if ours else ABSENT,
        row.sign,
    )


def _arm_row(arm: PublishedArm, way: Way | None, published: Published, summaries: Sequence[Summary]) -> tuple[str, ...]:
    cells: list[str] = []
    for dataset in published.datasets:
        summary = _find(arm, (dataset, way), summaries) if way else None
        cells += [f"{arm.percent[dataset]:.2f}", percent(summary.validation_error if summary else None)]
    return (arm.table, arm.name, *(way or (ABSENT, ABSENT)), *cells)
