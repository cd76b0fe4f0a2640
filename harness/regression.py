"""Does the code still give what the committed records say? The question that continuous integration asks.

Two checks a canary cell. The rates read back from the optimizer must be the committed ones to a relative 1e-9:
rates do not depend on the machine, so a flattened decay or a halved rate shows at once. The test error must lie
in the 99 % prediction interval from the committed seeds of the same cells: it may differ by rounding on another
machine, but not by more than another seed would.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.record import RealisedRates, Record
from harness.report.reproduction import Comparison, compare

RATE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Finding:
    """One canary's outcome as a line to print."""

    line: str
    passed: bool


def check_canaries(fresh: Iterable[Record], committed: Iterable[Record]) -> tuple[Finding, ...]:
    """Judge each fresh record against the committed one of the same cell; one without a counterpart fails."""
    fresh, committed = tuple(fresh), tuple(committed)
    rates = {record.cell: record.result.rates for record in committed}
    current = {record.cell: record.result.rates for record in fresh}
    return tuple(
        _judge(comparison, current[comparison.cell], rates.get(comparison.cell))
        for comparison in compare(fresh, committed)
    )


def _judge(comparison: Comparison, rates: RealisedRates, expected: RealisedRates | None) -> Finding:
    if expected is None or comparison.interval is None:
        return Finding(f"FAIL {comparison.cell}: too few committed records to judge by; run and export it", False)
    low, high = comparison.interval
    band = f"error {comparison.error:.4f}, band {low:.4f} to {high:.4f} from {comparison.seeds} seeds"
    if not same_rates(rates, expected):
        peaks = f"peaks {_listed(rates.peaks)}, committed {_listed(expected.peaks)}"
        return Finding(f"FAIL {comparison.cell}: the optimizer used other rates ({peaks}); {band}", False)
    if comparison.agreement in ("identical", "reproduced"):
        return Finding(f"ok   {comparison.cell}: {comparison.agreement}, {band}", True)
    return Finding(f"FAIL {comparison.cell}: {comparison.agreement}, {band}", False)


def same_rates(rates: RealisedRates, expected: RealisedRates) -> bool:
    """Whether groups, steps and every traced rate agree."""
    if (rates.groups, rates.steps, len(rates.trace)) != (expected.groups, expected.steps, len(expected.trace)):
        return False
    pairs = zip((rates.peaks, *rates.trace), (expected.peaks, *expected.trace), strict=True)
    return all(
        math.isclose(a, b, rel_tol=RATE_TOLERANCE) for left, right in pairs for a, b in zip(left, right, strict=True)
    )


def _listed(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3g}" for value in values)


def summary_line(comparison: Iterable[Comparison]) -> str:
    """Count the outcomes of a reproduction, for example ``16 cells: 16 identical``."""
    counts = Counter(one.agreement for one in comparison)
    return f"{sum(counts.values())} cells: " + ", ".join(f"{n} {name}" for name, n in counts.most_common())
