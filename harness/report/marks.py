"""What the choice of a base rate owes to the grid or to a tie, as marks beside rates and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.claims import Family, Selector, Verdict, families, rate_choosers
from harness.report.summaries import Summary

EDGE = "†"  # the lowest or highest rate that was tried was chosen: a better one may lie outside
TIE = "‡"  # another rate had the same mean validation error, so that the rule of ties chose
NOTE = f"{EDGE} The rate lies on the edge of the grid that was tried. {TIE} A tie in validation error chose it."


def rate_marks(summary: Summary) -> str:
    """The marks of a family's chosen rate, none as a rule."""
    return (EDGE if summary.on_edge else "") + (TIE if summary.tied else "")


def marked_families(summaries: Iterable[Summary]) -> dict[Family, str]:
    """The marks of each family that has any."""
    return {summary.family: marks for summary in summaries if (marks := rate_marks(summary))}


def verdict_marks(verdict: Verdict, marked: Mapping[Family, str]) -> str:
    """The marks of all chosen rates that a verdict is sure to rest on: where the records choose a decay, it is not."""
    if verdict.outcome == "no data":
        return ""
    place = (verdict.dataset, verdict.recipe)
    read = [family for side in verdict.claim.selectors if _sure(side) for family in families(side, place)]
    read += [family for side in verdict.claim.selectors for family in rate_choosers(side, place)]
    return joined_marks(*(marked.get(family, "") for family in read))


def joined_marks(*marks: str) -> str:
    """All of the marks, each once."""
    found = "".join(marks)
    return "".join(mark for mark in (EDGE, TIE) if mark in found)


def _sure(side: Selector) -> bool:
    """Whether the side rests on the tuned rates of all of its decays; two that are ranked by error are both read."""
    ranked = side.chosen_by in ("lowest test error", "highest test error")
    return side.rate is None and side.measure != "area" and (ranked or not isinstance(side.decay, tuple))
