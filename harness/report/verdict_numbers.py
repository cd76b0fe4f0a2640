"""The numbers that the paper states of claims and verdicts: counts, lists of names, and each verdict in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import get_args

from harness.claim_history import Ages
from harness.claims import AGREEMENT, FACTOR, LABELS, PRIMARY, RANKING, Claim, Outcome, Verdict
from harness.report.in_short import InShort, in_short
from harness.report.listings import later_text
from harness.report.sides_text import contrast_text, contrasts_text
from harness.report.tables import ABSENT, Value, bracketed, p_value, points
from harness.statistics import Interval
from harness.verdicts import stands_with_items

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
MOVEMENT = "movement"  # what the measures of claims about movement begin with


def verdict_numbers(
    verdicts: Sequence[Verdict],
    titles: Mapping[str, str],
    marks: Sequence[str],
    unshipped: Collection[str],
    planned: int,
) -> dict[str, Value]:
    """Map names to what became of each claim and verdict.

    ``marks`` has those of each verdict; ``planned`` pairs are all that one can have. ``unshipped`` are the recipes
    that start from no shipped language model; verdicts of the main questions about them are listed apart.
    """
    claims = {verdict.claim.name: verdict.claim for verdict in verdicts}
    counts = Counter(verdict.outcome for verdict in verdicts)
    found: dict[str, Value] = {f"outcomes/{_slug(outcome)}": counts[outcome] for outcome in OUTCOMES}
    found["outcomes/held/movement"] = sum(
        verdict.outcome == "held" and _measured(verdict.claim).startswith(MOVEMENT) for verdict in verdicts
    )
    stands = [stood for verdict in verdicts if (stood := stands_with_items(verdict)) is not None]
    found |= {"outcomes/with-items": len(stands), "outcomes/with-items/open": stands.count(False)}
    found |= {"claims": tuple(claims), "outcomes": len(verdicts)}
    for key, question in (("primary", PRIMARY), ("factor", FACTOR)):
        found[f"claims/{key}"] = tuple(name for name, claim in claims.items() if claim.question == question)
    shipped = [verdict for verdict in verdicts if verdict.recipe not in unshipped]
    marked = zip(verdicts, marks, strict=True)
    found |= _in_short(in_short([(verdict, mark) for verdict, mark in marked if verdict in shipped], titles, planned))
    found |= _of_questions("agreement", (AGREEMENT, RANKING), verdicts, unshipped)
    found |= _by_outcome("labels", [verdict for verdict in verdicts if verdict.claim.question == LABELS])
    for claim in claims.values():
        own = [verdict for verdict in verdicts if verdict.claim == claim]
        found |= _claim_numbers(claim, own)
        if claim.question == PRIMARY:
            found |= _parted(f"claim/{claim.name}", own, unshipped)
        if claim.question == FACTOR:
            found |= _by_outcome(f"claim/{claim.name}/shipped", [v for v in own if v.recipe not in unshipped])
    for verdict, mark in zip(verdicts, marks, strict=True):
        title = f"{titles.get(verdict.dataset, verdict.dataset)} ({verdict.recipe})"
        found |= _judged(verdict, _key(verdict), title, planned) | {f"{_key(verdict)}/marks": mark or ABSENT}
    return found


def _in_short(found: InShort) -> dict[str, Value]:
    return {
        "in-short": found.compared,
        "in-short/datasets": found.datasets,
        "in-short/lower": len(found.lower),
        "in-short/lower/names": found.lower,
        "in-short/failed": found.failed,
        "in-short/higher": found.higher,
        "in-short/undecided": found.undecided,
        "in-short/missing": found.missing,
        "in-short/margins": found.margins,
    }


def _of_questions(
    key: str, questions: Collection[str], verdicts: Sequence[Verdict], unshipped: Collection[str]
) -> dict[str, Value]:
    return _parted(key, [verdict for verdict in verdicts if verdict.claim.question in questions], unshipped)


def _parted(key: str, verdicts: Sequence[Verdict], unshipped: Collection[str]) -> dict[str, Value]:
    """List the verdicts of each outcome, those about models without a shipped one apart."""
    apart = [verdict for verdict in verdicts if verdict.recipe in unshipped]
    others = [verdict for verdict in verdicts if verdict.recipe not in unshipped]
    return _by_outcome(f"{key}/shipped", others) | _by_outcome(f"{key}/unshipped", apart)


def _by_outcome(key: str, verdicts: Sequence[Verdict]) -> dict[str, Value]:
    return {f"{key}/{_slug(o)}": tuple(_key(verdict) for verdict in verdicts if verdict.outcome == o) for o in OUTCOMES}


def age_numbers(aged: Sequence[Ages], verdicts: Sequence[Verdict]) -> dict[str, Value]:
    """Say for each verdict how many of its records are younger than its claim, and count the verdicts where all are."""
    judged = {_key(verdict): age for age, verdict in zip(aged, verdicts, strict=True) if verdict.outcome != "no data"}
    found: dict[str, Value] = {f"{_key(verdict)}/made-after": ABSENT for verdict in verdicts}
    found |= {f"{key}/made-after": "all" if age.all_later else later_text(age) for key, age in judged.items()}
    return found | {
        "verdicts/with-data": len(judged),
        "verdicts/all-after": sum(age.all_later for age in judged.values()),
    }


def _claim_numbers(claim: Claim, verdicts: Sequence[Verdict]) -> dict[str, Value]:
    key = f"claim/{claim.name}"
    return {
        f"{key}/no-data": sum(verdict.outcome == "no data" for verdict in verdicts),
        f"{key}/sentence": claim.sentence,
        f"{key}/kind": _slug(claim.kind),
        f"{key}/measure": _measured(claim),
        f"{key}/margin": f"{100 * claim.margin:g}",
        f"{key}/contrasts": len(claim.contrasts),
        f"{key}/sides": contrasts_text(claim),
        f"{key}/verdicts": tuple(map(_key, verdicts)),
    }


def _key(verdict: Verdict) -> str:
    return f"verdict/{verdict.claim.name}/{verdict.dataset}/{verdict.recipe}"


def _measured(claim: Claim) -> str:
    """Say what a claim compares, once where both sides have the same."""
    sides = [side for contrast in claim.contrasts for side in contrast]
    measures = (f"difference of {side.measure}" if side.less is not None else side.measure for side in sides)
    return " against ".join(dict.fromkeys(measures))


def _judged(verdict: Verdict, key: str, title: str, planned: int) -> dict[str, Value]:
    return {
        f"{key}/title": title,
        f"{key}/outcome": _slug(verdict.outcome),
        f"{key}/difference": points(verdict.difference),
        f"{key}/interval": bracketed(verdict.interval, signed=True),
        f"{key}/side": _side(verdict.interval),
        f"{key}/p": p_value(verdict.p),
        f"{key}/pairs": _pairs(verdict.n, planned),
        f"{key}/deciding": ABSENT if verdict.deciding is None else f"{verdict.deciding.pairs:,}",
        f"{key}/deciding/outcome": ABSENT if verdict.deciding is None else verdict.deciding.outcome,
        f"{key}/with-items": bracketed(verdict.with_items, signed=True),
        f"{key}/told": _told(verdict),
    }


def _pairs(found: int, planned: int) -> str:
    if not found:
        return ABSENT
    return f"{found}" if found == planned else f"{found} of {planned}"


def _told(verdict: Verdict) -> str:
    """Name the sides of the contrast that is told, where the claim has several."""
    if not verdict.claim.also or verdict.outcome == "no data":
        return ABSENT
    return contrast_text(verdict.claim, verdict.contrast)


def _side(interval: Interval | None) -> str:
    """Say on which side of no difference an interval lies."""
    if interval is None:
        return ABSENT
    return "below" if interval[1] < 0 else "above" if interval[0] > 0 else "across"


def _slug(text: str) -> str:
    return text.replace(" ", "-")
