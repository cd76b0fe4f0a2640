"""Does the code still give what the committed records say? The question that continuous integration asks.

Three checks a canary cell. It must be declared as the committed one was: a changed recipe is not the same cell.
The rates read back from the optimizers of the classifier and of the language model must be the committed ones to a
relative 1e-9: rates do not depend on the machine, so a flattened decay or a halved rate shows. The test error must lie
in the 99 % prediction interval from the committed seeds of the same cells: it may differ by rounding on another
machine, but not by more than another seed would.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.record import RealisedRates, Record
from harness.reproduction import Comparison, compare
from harness.wording import counted

RATE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Finding:
    """One canary's outcome as a line to print."""

    line: str
    passed: bool


def check_canaries(fresh: Iterable[Record], committed: Iterable[Record]) -> tuple[Finding, ...]:
    """Judge each fresh record against the committed one of the same cell; one without a counterpart fails."""
    fresh, committed = tuple(fresh), tuple(committed)
    expected = {record.cell: record for record in committed}
    current = {record.cell: record for record in fresh}
    return tuple(
        _judge(comparison, current[comparison.cell], expected.get(comparison.cell))
        for comparison in compare(fresh, committed)
    )


def _judge(comparison: Comparison, record: Record, expected: Record | None) -> Finding:
    if expected is None or comparison.interval is None:
        return Finding(f"FAIL {comparison.cell}: too few committed records to judge by; run and export it", False)
    low, high = comparison.interval
    band = f"error {comparison.error:.4f}, band {low:.4f} to {high:.4f} from {comparison.seeds} seeds"
    if record.specification != expected.specification:
        return Finding(f"FAIL {comparison.cell}: is declared otherwise than the committed cell; {band}", False)
    data = ("corpus", "vocabulary", "seeds")
    if other := [part for part in data if getattr(record.inputs, part) != getattr(expected.inputs, part)]:
        return Finding(f"FAIL {comparison.cell}: not the {' and '.join(other)} of the committed cell; {band}", False)
    stages = {
        "classifier": (record.result.rates, expected.result.rates),
        "language model": (record.inputs.language_model_rates, expected.inputs.language_model_rates),
    }
    for stage, (rates, committed) in stages.items():
        if not same_rates(rates, committed):
            peaks = f"peaks {_peaks(rates)}, committed {_peaks(committed)}"
            return Finding(f"FAIL {comparison.cell}: the {stage}'s optimizer used other rates ({peaks}); {band}", False)
    if comparison.agreement in ("identical", "reproduced"):
        return Finding(f"ok   {comparison.cell}: {comparison.agreement}, {band}", True)
    return Finding(f"FAIL {comparison.cell}: {comparison.agreement}, {band}", False)


def same_rates(rates: RealisedRates | None, expected: RealisedRates | None) -> bool:
    """Whether groups, steps and every traced rate agree; absent ones agree with each other only."""
    if rates is None or expected is None:
        return rates is expected
    if (rates.groups, rates.steps, len(rates.trace)) != (expected.groups, expected.steps, len(expected.trace)):
        return False
    pairs = zip((rates.peaks, *rates.trace), (expected.peaks, *expected.trace), strict=True)
    return all(
        math.isclose(a, b, rel_tol=RATE_TOLERANCE) for left, right in pairs for a, b in zip(left, right, strict=True)
    )


def _peaks(rates: RealisedRates | None) -> str:
    return "none" if rates is None else " ".join(f"{peak:.3g}" for peak in rates.peaks)


def reproduction_lines(comparison: Iterable[Comparison]) -> tuple[str, ...]:
    """One line a cell, and the count of outcomes, for example ``16 cells: 16 identical``."""
    comparison = tuple(comparison)
    counts = Counter(one.agreement for one in comparison)
    lines = [f"{one.agreement:12} {one.cell}: error {100 * one.error:.2f} %{_band(one)}" for one in comparison]
    outcomes = ", ".join(f"{number} {name}" for name, number in counts.most_common())
    return (*lines, ": ".join(filter(None, (counted(len(comparison), "cell"), outcomes))))


def _band(one: Comparison) -> str:
    if one.committed is None or one.interval is None:
        return ""
    low, high = (100 * bound for bound in one.interval)
    return f", committed {100 * one.committed:.2f} %, band {low:.2f} to {high:.2f}"
