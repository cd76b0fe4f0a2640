"""Which verdicts rest on a base rate that lies on the edge of the grid, so that a better one may lie outside."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from harness.claims import Family, Verdict, families
from harness.report.summaries import Summary

EDGE = "†"


def edge_families(summaries: Iterable[Summary]) -> frozenset[Family]:
    """The families whose chosen rate is the lowest or highest that was tried."""
    return frozenset(summary.family for summary in summaries if summary.on_edge)


def on_edge(verdict: Verdict, edges: Collection[Family]) -> bool:
    """Whether a side whose decay the claim names was judged at a rate of its own on the edge of the grid."""
    return verdict.outcome != "no data" and any(
        family in edges
        for side in verdict.claim.selectors
        if side.rate is None and side.measure != "area" and not isinstance(side.decay, tuple)
        for family in families(side, (verdict.dataset, verdict.recipe))
    )
