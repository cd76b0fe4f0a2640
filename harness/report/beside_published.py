"""Our errors beside those that were published, and whether the published contrasts keep their sign.

Both are validation errors, the published ones of one run on a whole dataset, ours means over the final seeds at base
rates tuned for each arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.claims import Family
from harness.published import Published, PublishedArm, PublishedContrast
from harness.report.marks import MIXED_NOTE, mixed_mark
from harness.report.summaries import Summary, by_repetition, find
from harness.report.tables import ABSENT, Column, Table, difference_text, p_value, percent, points
from harness.specification import Implementation
from harness.statistics import PairedDifference, holm, paired_difference
from harness.verdicts import SIGNIFICANCE

Sign = Literal["same", "opposite", "no sign", "not measured"]
Kept = Literal["kept", "reversed", "undecided"]
Way = tuple[str, Implementation]  # recipe and implementation: one way in which we measured


@dataclass(frozen=True)
class Repeated:
    """A published contrast on one dataset and ours, after minus before, as fractions; ``way`` absent: not measured.

    ``p`` is the sign-flip p value, Holm-adjusted over all contrasts of the table on this dataset in this way; those
    that are not measured count with p = 1. ``mark`` tells runs of several precisions.
    """

    contrast: PublishedContrast
    dataset: str
    published: float
    way: Way | None
    ours: PairedDifference | None
    p: float = 1.0
    mark: str = ""

    @property
    def sign(self) -> Sign:
        """Compare the signs; a difference of 0 has none."""
        if self.ours is None:
            return "not measured"
        if 0 in (self.published, self.ours.mean):
            return "no sign"
        return "same" if (self.published < 0) == (self.ours.mean < 0) else "opposite"

    def verdict(self, planned: int) -> Kept | None:
        """Kept or reversed where all ``planned`` pairs exist and p is at most 0.05; absent without two signs."""
        if self.ours is None or self.published == 0:
            return None
        if self.ours.n < planned or self.p > SIGNIFICANCE:
            return "undecided"
        return "kept" if self.sign == "same" else "reversed"


def repeat_contrasts(published: Published, summaries: Sequence[Summary]) -> tuple[Repeated, ...]:
    """Set ours beside each published contrast and dataset, once for each recipe and implementation that has both sides.

    Where none has, the contrast stands alone.
    """
    found: list[Repeated] = []
    for contrast in published.contrasts:
        for dataset in published.datasets:
            difference = contrast.difference(dataset) / 100
            alone = Repeated(contrast, dataset, difference, None, None)
            ours = (_measured(replace(alone, way=way), summaries) for way in _ways(summaries))
            found += [row for row in ours if row.ours is not None] or [alone]
    return _adjusted(found, published)


def _adjusted(rows: Sequence[Repeated], published: Published) -> tuple[Repeated, ...]:
    """Adjust the p values of each family of contrasts; those that claim no sign are not tested."""
    families: dict[tuple[str, str, Way], list[int]] = {}
    for index, row in enumerate(rows):
        if row.ours is not None and row.way is not None and row.published != 0:
            families.setdefault((row.contrast.after.table, row.dataset, row.way), []).append(index)
    adjusted = list(rows)
    for (table, dataset, _), indices in families.items():
        missing = len(published.signed(table, dataset)) - len(indices)
        ps = [rows[index].ours.p for index in indices]  # type: ignore[union-attr]
        for index, p in zip(indices, holm([*ps, *[1.0] * missing]), strict=False):
            adjusted[index] = replace(rows[index], p=p)
    return tuple(adjusted)


def contrasts_table(rows: Sequence[Repeated], titles: Mapping[str, str], planned: int) -> Table:
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
        Column("p", numeric=True),
        Column("Verdict"),
    )
    caption = (
        "What each step changes in the validation error, in percentage points: in the paper, one run each, and in "
        "ours, paired by seed with 95 % BCa intervals, not adjusted for their number. Sign compares the differences "
        "alone. The paper's sign is kept or reversed where the sign-flip p value, adjusted by Holm over the contrasts "
        "of one table and data set, measured or not, is at most 0.05 and no pair is missing, else undecided. Paper and "
        "ours differ in model size, number of labels and base rates: in Table 7 the paper's arms without discr ran at "
        f"a tenth of the base rate, ours are all tuned alike. {MIXED_NOTE}"
    )
    return Table(caption, columns, tuple(_contrast_row(row, titles, planned) for row in rows))


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
    if summary is None or not summary.finals:
        return None
    # Only arms that were tuned on as many base rates as any other can be set beside one another.
    grid = {rate for s in summaries if (s.family.dataset, s.family.recipe) == (dataset, recipe) for rate in s.tried}
    return summary if set(summary.tried) == grid else None


def _measured(row: Repeated, summaries: Sequence[Summary]) -> Repeated:
    """Put ours into a row: the validation errors paired by repetition; it is as before without pairs."""
    sides = (row.contrast.after, row.contrast.before)
    after, before = (_find(arm, (row.dataset, row.way), summaries) if row.way else None for arm in sides)
    if after is None or before is None:
        return row
    left, right = by_repetition(after), by_repetition(before)
    shared = sorted(set(left) & set(right))
    if not shared:
        return row
    errors = [[side[number].result.validation.error for number in shared] for side in (left, right)]
    return replace(row, ours=paired_difference(*errors), mark=mixed_mark((*after.finals, *before.finals)))


def _contrast_row(row: Repeated, titles: Mapping[str, str], planned: int) -> tuple[str, ...]:
    recipe, implementation = row.way or (ABSENT, ABSENT)
    ours = row.ours
    return (
        row.contrast.after.table,
        f"{row.contrast.before.name} → {row.contrast.after.name}",
        titles.get(row.dataset, row.dataset),
        points(row.published),
        recipe,
        implementation,
        f"{difference_text(ours)}{row.mark}",
        f"{ours.n}" if ours else ABSENT,
        row.sign,
        p_value(row.p if row.ours and row.published else None),
        row.verdict(planned) or ABSENT,
    )


def _arm_row(arm: PublishedArm, way: Way | None, published: Published, summaries: Sequence[Summary]) -> tuple[str, ...]:
    cells: list[str] = []
    for dataset in published.datasets:
        summary = _find(arm, (dataset, way), summaries) if way else None
        cells += [f"{arm.percent[dataset]:.2f}", percent(summary.validation_error if summary else None)]
    return (arm.table, arm.name, *(way or (ABSENT, ABSENT)), *cells)
