"""What became of the question that the study is named after, in counts: for the README and the paper's abstract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.claims import PRIMARY, Verdict


@dataclass(frozen=True)
class InShort:
    """Verdicts of the primary question: ``lower`` names those that held, ``missing`` counts those without data.

    Of those that ``failed`` ``higher`` have an interval wholly above 0. ``margins`` are in percentage points.
    """

    compared: int
    lower: tuple[str, ...]
    failed: int
    higher: int
    undecided: int
    missing: int
    margins: str


def in_short(verdicts: Iterable[Verdict], titles: Mapping[str, str]) -> InShort:
    """Count the verdicts of the primary question among these."""
    asked = [verdict for verdict in verdicts if verdict.claim.question == PRIMARY]
    counts = Counter(verdict.outcome for verdict in asked)
    return InShort(
        compared=len(asked) - counts["no data"],
        lower=tuple(_name(verdict, titles) for verdict in asked if verdict.outcome == "held"),
        failed=counts["failed"],
        higher=sum(v.outcome == "failed" and v.interval is not None and v.interval[0] > 0 for v in asked),
        undecided=counts["undecided"],
        missing=counts["no data"],
        margins=" or ".join(sorted({f"{100 * v.claim.margin:g}" for v in asked if v.outcome != "no data"})),
    )


def _name(verdict: Verdict, titles: Mapping[str, str]) -> str:
    """The data set, recipe and arm that a verdict is about."""
    side = verdict.claim.left
    title = titles.get(verdict.dataset, verdict.dataset)
    return f"{title} ({verdict.recipe}), {side.arm} of {side.implementation}"
