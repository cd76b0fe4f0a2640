"""Claims written before measuring, and the rules that turn records into verdicts.

The base rate of a family is chosen on validation error alone, over the tuning repetitions; the test errors compared
are those of the final repetitions, whose seeds the choice has not seen. Differences are left minus right, as fractions,
paired by repetition.

Superior (left has the lower test error):
    held       the 95 % BCa interval lies below 0, and the sign-flip p value, Holm-adjusted over all superiority
               verdicts that have data, is at most 0.05;
    failed     otherwise, the 95 % t interval lies above -margin, which excludes an advantage of that size. The t
               interval, because a bootstrap interval is too short for few pairs;
    undecided  otherwise.
Equivalent (left and right differ by less than the margin):
    held       two one-sided t tests reject at 0.05 (the 90 % t interval lies within ±margin);
    failed     the 95 % t interval lies wholly outside ±margin;
    undecided  otherwise.

With fewer pairs than the protocol plans a verdict is undecided: a partly filled study is not peeked at. Families
whose base rate was chosen from fewer rates than others of their dataset and recipe have no data yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.crossed import Correct, crossed_interval, unpack_correct
from harness.record import Record
from harness.sample_size import pairs_for_difference, pairs_for_equivalence
from harness.specification import Implementation
from harness.statistics import Interval, equivalence, holm, mean_interval, paired_difference

SIGNIFICANCE = 0.05
Outcome = Literal["held", "failed", "undecided", "no data"]


class ClaimsError(ValueError):
    """Records that cannot be judged together; the message says which and what to do."""


@dataclass(frozen=True)
class Protocol:
    """Repetitions that choose the base rate, those that are reported, and the equivalence margin (error fraction)."""

    tuning_repetitions: tuple[int, ...]
    final_repetitions: tuple[int, ...]
    margin: float


@dataclass(frozen=True)
class Family:
    """The cells that differ only in base rate and repetition."""

    dataset: str
    recipe: str
    implementation: Implementation
    arm: str
    decay: float


@dataclass(frozen=True)
class Selector:
    """One side of a contrast, within one dataset and recipe."""

    implementation: Implementation
    arm: str
    decay: float


@dataclass(frozen=True)
class Claim:
    """A sentence with its contrast and rule; ``margin`` is an error fraction, ``recipe`` None for every recipe."""

    name: str
    sentence: str
    kind: Literal["superior", "equivalent"]
    left: Selector
    right: Selector
    margin: float
    recipe: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the records say of a claim on one dataset and recipe.

    ``interval`` is the 95 % BCa interval for superiority and the 90 % t interval for equivalence; ``p`` is the
    Holm-adjusted sign-flip p value and that of the two one-sided tests. They are absent where there are no data.
    """

    claim: Claim
    dataset: str
    recipe: str
    outcome: Outcome
    difference: float | None
    interval: Interval | None
    p: float | None
    n: int
    with_items: Interval | None = None  # 95 %, over repetitions and test items at once
    deciding: int | None = None  # pairs that would decide where it is undecided; None: decided, or no number would


def family_of(record: Record) -> Family:
    """Name the family that a record belongs to."""
    cell = record.specification
    return Family(cell.dataset.name, cell.recipe.name, cell.implementation, cell.arm.name, cell.arm.decay)


def tuning_errors(records: Iterable[Record], protocol: Protocol) -> dict[Family, dict[float, float]]:
    """Mean validation error of each base rate for which all tuning repetitions exist, by family that has any."""
    found: dict[Family, dict[float, dict[int, float]]] = {}
    for record in records:
        if record.specification.repetition in protocol.tuning_repetitions:
            rates = found.setdefault(family_of(record), {})
            errors = rates.setdefault(record.specification.base_rate, {})
            errors[record.specification.repetition] = record.result.validation.error
    planned = len(protocol.tuning_repetitions)
    return {
        family: {
            rate: sum(errors.values()) / planned for rate, errors in sorted(rates.items()) if len(errors) == planned
        }
        for family, rates in found.items()
    }


def chosen_rates(records: Iterable[Record], protocol: Protocol) -> dict[Family, float]:
    """Choose the base rate of each family: lowest mean validation error over the tuning repetitions; ties: the lower.

    A family without tuning records takes its only rate. One whose tuning is not complete for any rate is left out:
    its choice is still open.

    Raises:
        ClaimsError: when a family has several rates and no tuning records to choose by.
    """
    records = tuple(records)
    tuned = tuning_errors(records, protocol)
    chosen = {family: min(errors, key=lambda rate: (errors[rate], rate)) for family, errors in tuned.items() if errors}
    untuned: dict[Family, set[float]] = {}
    for record in records:
        if family_of(record) not in tuned:
            untuned.setdefault(family_of(record), set()).add(record.specification.base_rate)
    for family, rates in untuned.items():
        if len(rates) > 1:
            listed = ", ".join(f"{rate:g}" for rate in sorted(rates))
            raise ClaimsError(
                f"{family}: base rates {listed} and no tuning repetition {protocol.tuning_repetitions} to choose by; "
                "run the tuning cells, or leave all but one rate out"
            )
        chosen[family] = min(rates)
    return chosen


def final_records(records: Iterable[Record], protocol: Protocol) -> dict[Family, dict[int, Record]]:
    """Select the records that are reported: by family, then repetition, at the chosen rate.

    Raises:
        ClaimsError: when a cell occurs twice, or as :func:`chosen_rates`.
    """
    records = tuple(records)
    chosen = chosen_rates(records, protocol)
    finals: dict[Family, dict[int, Record]] = {family: {} for family in chosen}
    for record in records:
        family, cell = family_of(record), record.specification
        if cell.repetition in protocol.final_repetitions and chosen.get(family) == cell.base_rate:
            if cell.repetition in finals[family]:
                raise ClaimsError(f"{record.cell}: two records of this cell; leave one of them out")
            finals[family][cell.repetition] = record
    return finals


def paired_errors(left: Mapping[int, Record], right: Mapping[int, Record]) -> tuple[list[float], list[float]]:
    """Test errors of the repetitions that both sides have, in the order of the repetitions."""
    shared = sorted(set(left) & set(right))
    return [left[n].result.test.error for n in shared], [right[n].result.test.error for n in shared]


def paired_items(left: Mapping[int, Record], right: Mapping[int, Record]) -> tuple[Correct, Correct]:
    """Which test items were right in the repetitions that both sides have, each (repetitions, items)."""
    shared = sorted(set(left) & set(right))
    first, second = (
        np.array([unpack_correct(side[n].result.correct, side[n].result.test.items) for n in shared])
        for side in (left, right)
    )
    return first, second


def evaluate(claims: Iterable[Claim], records: Iterable[Record], protocol: Protocol) -> tuple[Verdict, ...]:
    """One verdict for each claim, dataset and recipe, by the rules at the top of this module.

    Raises:
        ClaimsError: as :func:`final_records`.
    """
    records = tuple(records)
    finals = _equally_tuned(final_records(records, protocol), tuning_errors(records, protocol))
    places = dict.fromkeys((r.specification.dataset.name, r.specification.recipe.name) for r in records)
    judged = [
        _judge(claim, place, finals, protocol)
        for claim in claims
        for place in places
        if claim.recipe in (None, place[1])
    ]
    verdicts = [verdict for verdict, _ in judged]
    family = [index for index, verdict in enumerate(verdicts) if verdict.claim.kind == "superior"]
    # A verdict without data counts with p = 1: what was not measured makes no other verdict easier.
    raw = [verdicts[index].p for index in family]
    for index, p in zip(family, holm([1.0 if p is None else p for p in raw]), strict=True):
        verdict, outer = judged[index]
        if verdict.p is not None:
            verdicts[index] = _superior(replace(verdict, p=p), outer, len(protocol.final_repetitions))
    return tuple(verdict if verdict.outcome == "undecided" else replace(verdict, deciding=None) for verdict in verdicts)


def _equally_tuned(
    finals: Mapping[Family, Mapping[int, Record]], tuned: Mapping[Family, Mapping[float, float]]
) -> dict[Family, Mapping[int, Record]]:
    """Leave out families whose base rate was chosen from fewer rates than others' of the same dataset and recipe.

    Equal budgets are what makes tuned arms comparable.
    """
    grids: dict[tuple[str, str], set[float]] = {}
    for family, errors in tuned.items():
        grids.setdefault((family.dataset, family.recipe), set()).update(errors)
    return {
        family: records
        for family, records in finals.items()
        if set(tuned.get(family, ())) == grids.get((family.dataset, family.recipe), set())
    }


def _judge(
    claim: Claim, place: tuple[str, str], finals: Mapping[Family, Mapping[int, Record]], protocol: Protocol
) -> tuple[Verdict, Interval | None]:
    """Judge before adjustment (superiority stays undecided); also return the 95 % t interval of the difference."""
    sides = [finals.get(Family(*place, s.implementation, s.arm, s.decay), {}) for s in (claim.left, claim.right)]
    left, right = paired_errors(*sides)
    if not left:
        return Verdict(claim, *place, "no data", None, None, None, 0), None
    estimate = paired_difference(left, right)
    differences = [a - b for a, b in zip(left, right, strict=True)]
    outer = mean_interval(differences)
    verdict = Verdict(
        claim,
        *place,
        "undecided",
        estimate.mean,
        estimate.interval,
        estimate.p,
        estimate.n,
        with_items=crossed_interval(*paired_items(*sides)),
        deciding=_deciding_pairs(claim, differences, estimate.mean),
    )
    if claim.kind == "superior":
        return verdict, outer
    p = equivalence(left, right, claim.margin)
    outcome: Outcome = "undecided"
    if outer is not None and estimate.n == len(protocol.final_repetitions):
        outside = outer[0] > claim.margin or outer[1] < -claim.margin
        outcome = "held" if p <= SIGNIFICANCE else "failed" if outside else "undecided"
    return replace(verdict, outcome=outcome, interval=mean_interval(differences, 0.9), p=p), outer


def _deciding_pairs(claim: Claim, differences: Sequence[float], mean: float) -> int | None:
    """Fewest pairs that would hold or fail the claim, were further ones like these, before Holm's adjustment."""
    if claim.kind == "superior":
        hold = pairs_for_difference(differences) if mean < 0 else None
        fail = pairs_for_difference(differences, from_value=-claim.margin) if mean > -claim.margin else None
    else:
        hold = pairs_for_equivalence(differences, claim.margin)
        nearest = claim.margin if mean > 0 else -claim.margin
        fail = pairs_for_difference(differences, from_value=nearest) if abs(mean) > claim.margin else None
    return min((pairs for pairs in (hold, fail) if pairs is not None), default=None)


def _superior(verdict: Verdict, outer: Interval | None, planned: int) -> Verdict:
    if verdict.n < planned or verdict.interval is None or outer is None or verdict.p is None:
        return verdict
    if verdict.interval[1] < 0 and verdict.p <= SIGNIFICANCE:
        return replace(verdict, outcome="held")
    return replace(verdict, outcome="failed") if outer[0] > -verdict.claim.margin else verdict
