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

A claim of several contrasts is about all of them (intersection-union). Its p value is the largest of theirs; that of
a superiority that does not point the claim's way is 1, and for superiority to hold the BCa interval of each has to lie
below 0. It failed when any of them fails at a level that Bonferroni's method adjusts for their number. Told is one that
fails, or else the one with the largest p value. There are no data until all of them have some. Where the records of one
contrast choose which side is which by their own test error, so that the others are held to its sign, it has to show
that sign itself, by an interval of the same level below 0; else the claim cannot fail.

There are no data either where the decay that the records chose makes both sides the same runs.

With fewer pairs than the protocol plans a verdict is undecided: a partly filled study is not peeked at. Families
whose base rate was chosen from fewer rates than others of their dataset and recipe have no data yet.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.claims import (
    Claim,
    Deciding,
    Outcome,
    Place,
    Protocol,
    Selector,
    Verdict,
    directions,
    without_labels,
)
from harness.crossed import crossed_interval
from harness.record import Record
from harness.sample_size import pairs_for_difference, pairs_for_equivalence
from harness.sides import Evidence, coincide, gather, records_of, rights_of, values_of
from harness.statistics import (
    Interval,
    equivalence,
    holm,
    mean_interval,
    non_inferiority,
    paired_difference,
    probability_of_improvement,
    smallest_sign_flip_p,
)

SIGNIFICANCE = 0.05


def evaluate(claims: Iterable[Claim], records: Iterable[Record], protocol: Protocol) -> tuple[Verdict, ...]:
    """One verdict for each claim, dataset and recipe, by the rules at the top of this module.

    Raises:
        ClaimsError: as :func:`harness.sides.gather`.
    """
    evidence = gather(records, protocol)
    asked = [
        (claim, place) for claim in claims for place in (evidence.places if claim.places is None else claim.places)
    ]
    tests = Counter(claim.question for claim, _ in asked)
    judged = [_judge(claim, place, evidence, (protocol, tests[claim.question])) for claim, place in asked]
    decided: dict[int, Verdict] = {}
    for question in dict.fromkeys(one.verdict.claim.question for one in judged):
        decided |= _decided(judged, question, protocol)
    return tuple(decided[index] for index in range(len(judged)))


def largest_family(verdicts: Iterable[Verdict]) -> int:
    """The most verdicts, measured or not, of a question about superiority, whose sign-flip p values come in steps."""
    verdicts = tuple(verdicts)
    stepped = {verdict.claim.question for verdict in verdicts if verdict.claim.kind == "superior"}
    return max(Counter(v.claim.question for v in verdicts if v.claim.question in stepped).values(), default=0)


def stands_with_items(verdict: Verdict) -> bool | None:
    """Whether the 95 % interval over repetitions and test items, of the contrast told, lies where the verdict needs it.

    None where a verdict is not decided, or has no such interval.
    """
    if verdict.with_items is None or verdict.outcome not in ("held", "failed"):
        return None
    (low, high), margin, kind = verdict.with_items, verdict.claim.margin, verdict.claim.kind
    if verdict.outcome == "held":
        return high < (0.0 if kind == "superior" else margin) and (kind != "equivalent" or low > -margin)
    return low > (-margin if kind == "superior" else margin) or (kind == "equivalent" and high < -margin)


@dataclass(frozen=True)
class _Judged:
    """A verdict before adjustment, undecided, and what else decides it.

    ``outer`` is the t interval that may exclude what is claimed, 95 % over all contrasts; ``below`` says whether the
    BCa intervals of all contrasts lie below 0.
    """

    verdict: Verdict
    outer: Interval | None = None
    below: bool = False


def _decided(judged: Sequence[_Judged], question: str, protocol: Protocol) -> dict[int, Verdict]:
    """The verdicts of a question by their place among ``judged``, with adjusted p values, decided."""
    family = [index for index, one in enumerate(judged) if one.verdict.claim.question == question]
    # A verdict without data counts with p = 1: what was not measured makes no other verdict easier.
    raw = [1.0 if p is None else p for p in (judged[index].verdict.p for index in family)]
    decided = {}
    for index, p in zip(family, holm(raw), strict=True):
        one = judged[index]
        if one.verdict.p is not None:
            one = replace(one, verdict=replace(one.verdict, p=p))
        decided[index] = _decide(one, len(protocol.final_repetitions))
    return decided


def _judge(claim: Claim, place: Place, evidence: Evidence, rule: tuple[Protocol, int]) -> _Judged:
    """Judge before adjustment; the ``rule`` is the protocol, and how many verdicts the question has."""
    judged, (protocol, _) = [], rule
    for index, contrast in enumerate(claim.contrasts):
        left, right = (values_of(side, place, evidence, protocol) for side in contrast)
        shared = sorted(set(left) & set(right))
        if not shared or coincide(*contrast, place, evidence, protocol):
            return _Judged(Verdict(claim, *place, "no data", None, None, None, 0))
        blank = Verdict(claim, *place, "undecided", None, None, None, len(shared), contrast=index)
        judged.append(_judge_contrast(blank, [left[n] for n in shared], [right[n] for n in shared], rule))
    told = _together(judged) if claim.also else judged[0]
    with_items = _with_items(claim.contrasts[told.verdict.contrast], place, evidence, protocol)
    return replace(told, verdict=replace(told.verdict, with_items=with_items))


def _judge_contrast(
    blank: Verdict, left: Sequence[float], right: Sequence[float], rule: tuple[Protocol, int]
) -> _Judged:
    """Judge one contrast of a claim from the values of both sides, paired."""
    claim, estimate = blank.claim, paired_difference(left, right)
    differences = [a - b for a, b in zip(left, right, strict=True)]
    verdict = replace(
        blank,
        difference=estimate.mean,
        interval=estimate.interval,
        p=estimate.p,
        improvement=probability_of_improvement(left, right),
        deciding=None if claim.also else _deciding_pairs(claim, differences, estimate.mean, rule),
    )
    if claim.kind != "superior":
        test = equivalence if claim.kind == "equivalent" else non_inferiority
        verdict = replace(verdict, interval=mean_interval(differences, 0.9), p=test(left, right, claim.margin))
    outer = mean_interval(differences, 1 - SIGNIFICANCE / len(claim.contrasts))
    return _Judged(verdict, outer, estimate.interval is not None and estimate.interval[1] < 0)


def _together(judged: Sequence[_Judged]) -> _Judged:
    """Judge a claim of several contrasts, with the fewest pairs of any."""
    claim = judged[0].verdict.claim
    superior = claim.kind == "superior"

    def against(one: _Judged) -> tuple[float, float]:
        mean, p = one.verdict.difference or 0.0, 1.0 if one.verdict.p is None else one.verdict.p
        return (1.0 if superior and mean >= 0 else p), mean

    def lower_end(one: _Judged) -> float:
        return -math.inf if one.outer is None else one.outer[0]

    excluding = max(judged, key=lower_end)
    directing = (one for one, sides in zip(judged, claim.contrasts, strict=True) if _chooses_its_sign(*sides))
    sure = all(one.outer is not None and one.outer[1] < 0 for one in directing)
    excluded = lower_end(excluding) > (-claim.margin if superior else claim.margin)
    told = excluding if excluded else max(judged, key=against)
    verdict = replace(told.verdict, p=max(map(against, judged))[0], n=min(one.verdict.n for one in judged))
    outer = excluding.outer if sure else (-math.inf, math.inf)
    return _Judged(verdict, outer, all(one.below for one in judged))


def _chooses_its_sign(left: Selector, right: Selector) -> bool:
    """Whether the records themselves make the side with the lower test error the left one."""
    own = left.chosen_with in (None, left.implementation)
    return own and (left.chosen_by, right.chosen_by) == ("lowest test error", "highest test error")


def _with_items(
    both: tuple[Selector, Selector], place: Place, evidence: Evidence, protocol: Protocol
) -> Interval | None:
    """The interval over repetitions and test items; absent unless both sides are test errors on the same items."""
    if any(side.less is not None or side.measure != "test error" for side in both):
        return None
    if not _same_items([records_of(one, place, evidence, protocol) for side in both for one in directions(side)]):
        return None
    sides = [rights_of(side, place, evidence, protocol) for side in both]
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


def _deciding_pairs(
    claim: Claim, differences: Sequence[float], mean: float, rule: tuple[Protocol, int]
) -> Deciding | None:
    """Fewest pairs that would hold or fail the claim, were all like these; more than there are, and all planned.

    The ``rule`` is as in :func:`_judge`. To hold is adjusted for the verdicts of a question by Bonferroni's method,
    which asks for no fewer than Holm's.
    """
    (protocol, tests), margin = rule, claim.margin
    level = SIGNIFICANCE / tests
    if claim.kind == "superior":
        hold = pairs_for_difference(differences, level=level) if mean < 0 else None
        hold = None if hold is None else max(hold, _fewest_signs(level))
        fail = pairs_for_difference(differences, from_value=-margin) if mean > -margin else None
    elif claim.kind == "equivalent":
        hold = pairs_for_equivalence(differences, margin, level)
        nearest = margin if mean > 0 else -margin
        fail = pairs_for_difference(differences, from_value=nearest) if abs(mean) > margin else None
    else:
        hold = pairs_for_difference(differences, from_value=margin, sides=1, level=level) if mean < margin else None
        fail = pairs_for_difference(differences, from_value=margin) if mean > margin else None
    ways: tuple[tuple[int | None, Outcome], ...] = ((hold, "held"), (fail, "failed"))
    more = max(len(differences) + 1, len(protocol.final_repetitions))
    found = [Deciding(max(pairs, more), outcome) for pairs, outcome in ways if pairs is not None]
    return min(found, key=lambda way: way.pairs, default=None)


def _fewest_signs(level: float) -> int:
    """The fewest pairs whose sign-flip p value can be as small as ``level``."""
    return next(pairs for pairs in itertools.count(1) if smallest_sign_flip_p(pairs) <= level)


def _decide(judged: _Judged, planned: int) -> Verdict:
    """Decide by the rules at the top of this module, from the adjusted p value."""
    verdict, outer = judged.verdict, judged.outer
    if verdict.n < planned or verdict.interval is None or outer is None or verdict.p is None:
        return verdict
    kind, margin = verdict.claim.kind, verdict.claim.margin
    excluded = {
        "superior": outer[0] > -margin,
        "equivalent": outer[0] > margin or outer[1] < -margin,
        "not inferior": outer[0] > margin,
    }
    if verdict.p <= SIGNIFICANCE and (kind != "superior" or judged.below):
        return replace(verdict, outcome="held", deciding=None)
    return replace(verdict, outcome="failed", deciding=None) if excluded[kind] else verdict
