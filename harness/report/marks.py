"""What the choice of a base rate owes to the grid or to a tie, runs of several precisions and test items, as marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.claims import Family, Selector, Verdict, families, rate_choosers
from harness.record import Record
from harness.report.summaries import Summary
from harness.verdicts import stands_with_items

EDGE = "†"  # the lowest or highest rate that was tried was chosen: a better one may lie outside
TIE = "‡"  # another rate had the same mean validation error, so that the rule of ties chose
MIXED = "§"  # what is compared was not all run in one precision of matrix products
ITEMS = "¶"  # the interval over seeds and test items leaves the verdict open
NOTE = f"{EDGE} The rate lies on the edge of the grid that was tried. {TIE} A tie in validation error chose it."
VERDICT_NOTE = (
    f"{EDGE}: a side whose decay the claim names was judged at a base rate on the edge of the grid. {TIE}: at one "
    f"that a tie in validation error chose. {MIXED}: its runs, tuning included, were not all made in one precision of "
    f"matrix products. {ITEMS}: a 95 % interval over other test items too would leave it open."
)
MARKS_IN_WORDS = {
    EDGE: "a base rate on the edge of its grid",
    TIE: "a base rate that a tie chose",
    MIXED: "runs in several precisions",
    ITEMS: "open over other test items",
}
MIXED_NOTE = f"{MIXED} Not all of the final runs of both sides were made in one precision of matrix products."


def rate_marks(summary: Summary) -> str:
    """The marks of a family's chosen rate, none as a rule."""
    return (EDGE if summary.on_edge else "") + (TIE if summary.tied else "")


def marked_families(summaries: Iterable[Summary]) -> dict[Family, str]:
    """The marks of each family that has any."""
    return {summary.family: marks for summary in summaries if (marks := rate_marks(summary))}


def mixed_mark(records: Iterable[Record]) -> str:
    """The mark of records, compared with one another, that were made in several precisions; none as a rule."""
    return MIXED if len({record.environment.precision for record in records}) > 1 else ""


def verdict_marks(verdict: Verdict, marked: Mapping[Family, str], records: Sequence[Record]) -> str:
    """The marks of a verdict: its own, of the ``records`` that it reads, and of all rates that it is sure to rest on.

    Where the records choose a decay, it does not rest on any one rate.
    """
    if verdict.outcome == "no data":
        return ""
    place = (verdict.dataset, verdict.recipe)
    read = [family for side in verdict.claim.selectors if _sure(side) for family in families(side, place)]
    read += [family for side in verdict.claim.selectors for family in rate_choosers(side, place)]
    own = ITEMS if stands_with_items(verdict) is False else ""
    return joined_marks(*(marked.get(family, "") for family in read)) + mixed_mark(records) + own


def joined_marks(*marks: str) -> str:
    """All of the marks, each once."""
    found = "".join(marks)
    return "".join(mark for mark in (EDGE, TIE, MIXED) if mark in found)


def _sure(side: Selector) -> bool:
    """Whether the side rests on the tuned rates of all of its decays; two that are ranked by error are both read."""
    ranked = side.chosen_by in ("lowest test error", "highest test error")
    return side.rate is None and side.measure != "area" and (ranked or not isinstance(side.decay, tuple))
