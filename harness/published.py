"""The shape of what a publication reports and this study repeats. ``study/`` holds the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PublishedArm:
    """A row of a published table: validation error in percent, as printed, by the name of this study's dataset.

    ``arm`` and ``decay`` name what this study runs for it; ``arm`` is absent where it runs nothing of the kind.
    """

    table: str
    name: str
    arm: str | None
    decay: float
    percent: Mapping[str, float]


@dataclass(frozen=True)
class PublishedContrast:
    """Two rows of one table that differ in one thing: what ``after`` adds to ``before``."""

    before: PublishedArm
    after: PublishedArm

    def difference(self, dataset: str) -> float:
        """What the step changes in the published error, in points."""
        return self.after.percent[dataset] - self.before.percent[dataset]


@dataclass(frozen=True)
class Published:
    """Rows, the contrasts among them, and what the publication calls each dataset of this study."""

    arms: tuple[PublishedArm, ...] = ()
    contrasts: tuple[PublishedContrast, ...] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)

    def signed(self, table: str, dataset: str) -> tuple[PublishedContrast, ...]:
        """The contrasts of a table that change the error on a dataset."""
        of_table = (contrast for contrast in self.contrasts if contrast.after.table == table)
        return tuple(contrast for contrast in of_table if contrast.difference(dataset) != 0)
