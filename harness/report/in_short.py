"""What became of the question that the study is named after, in counts: for the README, the page and the abstract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.claims import PRIMARY, Verdict
from harness.report.marks import MARKS_IN_WORDS


@dataclass(frozen=True)
class InShort:
    """Verdicts of the primary question, on so many ``datasets``.

    ``lower`` names those that held, with what their marks mean; ``missing`` counts those without all of their pairs, of
    which nothing is told. Of those that ``failed`` ``higher`` have an interval wholly above 0. ``margins`` are in
    percentage points.
    """

    compared: int
    datasets: int
    lower: tuple[str, ...]
    failed: int
    higher: int
    undecided: int
    missing: int
    margins: str


def in_short(marked: Iterable[tuple[Verdict, str]], titles: Mapping[str, str], planned: int) -> InShort:
    """Count the verdicts of the primary question among these, given with their marks; ``planned`` pairs are all."""
    asked = [(verdict, marks) for verdict, marks in marked if verdict.claim.question == PRIMARY]
    compared = [verdict for verdict, _ in asked if verdict.outcome != "no data" and verdict.n >= planned]
    counts = Counter(verdict.outcome for verdict in compared)
    return InShort(
        compared=len(compared),
        datasets=len({verdict.dataset for verdict in compared}),
        lower=tuple(_name(verdict, marks, titles) for verdict, marks in asked if verdict.outcome == "held"),
        failed=counts["failed"],
        higher=sum(v.outcome == "failed" and v.interval is not None and v.interval[0] > 0 for v in compared),
        undecided=counts["undecided"],
        missing=len(asked) - len(compared),
        margins=" or ".join(sorted({f"{100 * v.claim.margin:g}" for v in compared})),
    )


def in_words(found: InShort) -> str:
    """Say it in a sentence; nothing where nothing was compared."""
    if not found.compared:
        return ""
    lower = f" ({'; '.join(found.lower)})" if found.lower else ""
    higher = f" (in {found.higher} of them the interval, which is not adjusted, lies above 0)" if found.higher else ""
    missing = f"; runs are missing in {found.missing} more" if found.missing else ""
    return (
        f"Discriminative (decay 2.6) against uniform rates, each tuned, in {found.compared} combinations of data set "
        f"({found.datasets} of them), implementation and unfreezing: a lower test error is shown in "
        f"{len(found.lower)}{lower}; at the base rates that tuning chose, one lower by {found.margins} points or more "
        f"is ruled out in {found.failed}{higher}; {found.undecided} left undecided{missing}."
    )


def _name(verdict: Verdict, marks: str, titles: Mapping[str, str]) -> str:
    """The data set, recipe and arm that a verdict is about, and what its marks mean."""
    side = verdict.claim.left
    title = titles.get(verdict.dataset, verdict.dataset)
    place = f"{title} ({verdict.recipe}), {side.arm} of {side.implementation}"
    return ", ".join((place, *(MARKS_IN_WORDS[mark] for mark in marks)))
