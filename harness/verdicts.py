"""The rules that turn claims and records into verdicts.

Differences are left minus right, as fractions, paired by repetition.

The p values of a question's verdicts, whatever their rule, are one family (Holm); they are adjusted first.

Superior (left is lower):
    held       the 95 % BCa interval lies below 0, and the sign-flip p value is at most 0.05;
    failed     otherwise, the 95 % t interval lies above -margin, which excludes an advantage of that size;
    undecided  otherwise.
Equivalent (left and right differ by less than the margin):
    held       two one-sided t tests reject at 0.05;
    failed     the 95 % t interval lies wholly outside ±margin;
    undecided  otherwise.
Not inferior (left is higher by less than the margin):
    held       the one-sided t test rejects at 0.05;
    failed     the 95 % t interval lies above margin;
    undecided  otherwise.

A claim of several contrasts is about all of them (intersection-union): held when the one that speaks least for it
holds, failed when in any of them an advantage of the margin is excluded at a level that Bonferroni's method adjusts for
their number. Least speaks the highest difference at or above 0, or where all lie below it the one with the largest p
value. There are no data until all of them have some.

With fewer pairs than the protocol plans a verdict is undecided: a partly filled study is not peeked at. Families
whose base rate was chosen from fewer rates than others of their dataset and recipe have no data yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.claims import Claim, Deciding, Outcome, Place, Protocol, Verdict, directions, without_labels
from harness.crossed import crossed_interval
from harness.record import Record
from harness.sample_size import pairs_for_difference, pairs_for_equivalence
from harness.sides import Evidence, gather, records_of, rights_of, values_of
from harness.statistics import (
    Interval,
    equivalence,
    holm,
    mean_interval,
    non_inferiority,
    paired_difference,
    probability_of_improvement,
)

SIGNIFICANCE = 0.05


def evaluate(claims: Iterable[Claim], records: Iterable[Record], protocol: Protocol) -> tuple[Verdict, ...]:
    """One verdict for each claim, dataset and recipe, by the rules at the top of this module.

    Raises:
        ClaimsError: as :func:`harness.sides.gather`.
    """
    evidence = gather(records, protocol)
    judged = [
        _judge(claim, place, evidence, protocol)
        for claim in claims
        for place in (evidence.places if claim.places is None else claim.places)
    ]
    decided: dict[int, Verdict] = {}
    for question in dict.fromkeys(verdict.claim.question for verdict, _ in judged):
        decided |= _decided(judged, question, protocol)
    return tuple(decided[index] for index in range(len(judged)))


def largest_family(verdicts: Iterable[Verdict]) -> int:
    """The most verdicts, measured or not, of a question about superiority, whose sign-flip p values come in steps."""
    verdicts = tuple(verdicts)
    stepped = {verdict.claim.question for verdict in verdicts if verdict.claim.kind == "superior"}
    return max(Counter(v.claim.question for v in verdicts if v.claim.question in stepped).values(), default=0)


def _decided(
    judged: Sequence[tuple[Verdict, Interval | None]], question: str, protocol: Protocol
) -> dict[int, Verdict]:
    """The verdicts of a question by their place among ``judged``, with adjusted p values, decided."""
    family = [index for index, (verdict, _) in enumerate(judged) if verdict.claim.question == question]
    # A verdict without data counts with p = 1: what was not measured makes no other verdict easier.
    raw = [1.0 if p is None else p for p in (judged[index][0].p for index in family)]
    decided = {}
    for index, p in zip(family, holm(raw), strict=True):
        verdict, outer = judged[index]
        if verdict.p is not None:
            verdict = _decide(replace(verdict, p=p), outer, len(protocol.final_repetitions))
        decided[index] = verdict
    return decided


def _judge(claim: Claim, place: Place, evidence: Evidence, protocol: Protocol) -> tuple[Verdict, Interval | None]:
    """Judge before adjustment, all undecided; also return the 95 % t interval that may exclude what is claimed."""
    judged = []
    for contrast in claim.contrasts:
        left, right = (values_of(side, place, evidence, protocol) for side in contrast)
        shared = sorted(set(left) & set(right))
        if not shared:
            return Verdict(claim, *place, "no data", None, None, None, 0), None
        judged.append(_judge_contrast(claim, place, [left[n] for n in shared], [right[n] for n in shared]))
    if len(judged) > 1:
        outers = [outer for _, outer in judged if outer is not None]
        return _weakest([verdict for verdict, _ in judged]), max(outers, default=None)
    [(verdict, outer)] = judged
    return replace(verdict, with_items=_with_items(claim, place, evidence, protocol)), outer


def _judge_contrast(
    claim: Claim, place: Place, left: Sequence[float], right: Sequence[float]
) -> tuple[Verdict, Interval | None]:
    """Judge one contrast of a claim from the values of both sides, paired."""
    estimate = paired_difference(left, right)
    differences = [a - b for a, b in zip(left, right, strict=True)]
    outer = mean_interval(differences, 1 - SIGNIFICANCE / len(claim.contrasts))
    verdict = Verdict(
        claim,
        *place,
        "undecided",
        estimate.mean,
        estimate.interval,
        estimate.p,
        estimate.n,
        improvement=probability_of_improvement(left, right),
        deciding=None if claim.also else _deciding_pairs(claim, differences, estimate.mean),
    )
    if claim.kind == "superior":
        return verdict, outer
    test = equivalence if claim.kind == "equivalent" else non_inferiority
    return replace(verdict, interval=mean_interval(differences, 0.9), p=test(left, right, claim.margin)), outer


def _weakest(verdicts: Sequence[Verdict]) -> Verdict:
    """That of the contrast that speaks least for the claim of superiority in all, with the fewest pairs of any."""

    def against(verdict: Verdict) -> tuple[bool, float, float]:
        mean, p = verdict.difference or 0.0, 1.0 if verdict.p is None else verdict.p
        return (True, mean, 0.0) if mean >= 0 else (False, p, mean)

    return replace(max(verdicts, key=against), n=min(verdict.n for verdict in verdicts))


def _with_items(claim: Claim, place: Place, evidence: Evidence, protocol: Protocol) -> Interval | None:
    """The interval over repetitions and test items; absent unless both sides are test errors on the same items."""
    if len(claim.selectors) > 2 or {side.measure for side in claim.selectors} != {"test error"}:
        return None
    if not _same_items([records_of(one, place, evidence, protocol) for s in claim.selectors for one in directions(s)]):
        return None
    sides = [rights_of(side, place, evidence, protocol) for side in claim.selectors]
    shared = sorted(set(sides[0]) & set(sides[1]))
    left, right = (np.array([side[n] for n in shared]) for side in sides)
    return crossed_interval(left, right)


def _same_items(sides: Iterable[Mapping[int, Record]]) -> bool:
    """Whether all were tested on the same texts: data sets that differ in nothing but names, labels and other text."""
    datasets = {
        replace(without_labels(record.specification.dataset), language_model_documents=None)
        for side in sides
        for record in side.values()
    }
    return len(datasets) == 1


def _deciding_pairs(claim: Claim, differences: Sequence[float], mean: float) -> Deciding | None:
    """Fewest pairs that would hold or fail the claim, were further ones like these, before Holm's adjustment."""
    margin = claim.margin
    if claim.kind == "superior":
        hold = pairs_for_difference(differences) if mean < 0 else None
        fail = pairs_for_difference(differences, from_value=-margin) if mean > -margin else None
    elif claim.kind == "equivalent":
        hold = pairs_for_equivalence(differences, margin)
        nearest = margin if mean > 0 else -margin
        fail = pairs_for_difference(differences, from_value=nearest) if abs(mean) > margin else None
    else:
        hold = pairs_for_difference(differences, from_value=margin, sides=1) if mean < margin else None
        fail = pairs_for_difference(differences, from_value=margin) if mean > margin else None
    ways: tuple[tuple[int | None, Outcome], ...] = ((hold, "held"), (fail, "failed"))
    found = [Deciding(pairs, outcome) for pairs, outcome in ways if pairs is not None]
    return min(found, key=lambda way: way.pairs, default=None)


def _decide(verdict: Verdict, outer: Interval | None, planned: int) -> Verdict:
    """Decide by the rules at the top of this module, from the adjusted p value and the 95 % t interval."""
    if verdict.n < planned or verdict.interval is None or outer is None or verdict.p is None:
        return verdict
    kind, margin = verdict.claim.kind, verdict.claim.margin
    excluded = {
        "superior": outer[0] > -margin,
        "equivalent": outer[0] > margin or outer[1] < -margin,
        "not inferior": outer[0] > margin,
    }
    if verdict.p <= SIGNIFICANCE and (kind != "superior" or verdict.interval[1] < 0):
        return replace(verdict, outcome="held", deciding=None)
    return replace(verdict, outcome="failed", deciding=None) if excluded[kind] else verdict
