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


@dataclass(frozen=True)
class Published:
    """Rows, the contrasts among them, and what the publication calls each dataset of this study."""

    arms: tuple[PublishedArm, ...] = ()
    contrasts: tuple[PublishedContrast, ...] = ()
    datasets: Mapping[str, str] = field(default_factory=dict)
