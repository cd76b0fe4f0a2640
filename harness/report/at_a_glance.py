"""The verdicts at a glance: a row for each claim, a column for each collection of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from harness.claim_history import Ages
from harness.claims import Place, Verdict
from harness.report.marks import VERDICT_NOTE
from harness.report.tables import ABSENT, Column, Table, bracketed, points

OLDER = "∗"  # not all of a verdict's records are known to be younger than its claim
Judged = tuple[Verdict, Ages, str]  # with the ages of its records, and its marks


def apart(judged: Sequence[Judged], recipes: Collection[str]) -> tuple[Sequence[Judged], Sequence[Judged]]:
    """Part the verdicts about other recipes from those about ``recipes``; where the former lack data, all are first."""
    others = [one for one in judged if one[0].recipe not in recipes]
    if all(verdict.outcome == "no data" for verdict, *_ in others):
        return judged, ()
    return others, [one for one in judged if one[0].recipe in recipes]


def at_a_glance(judged: Sequence[Judged], titles: Mapping[str, str], planned: int) -> Table:
    """Build one row for each claim, with its verdicts by collection.

    Claims of one sentence, each about data sets of its own, share a row. A column is headed by the data set and recipe
    that most verdicts of the collection are about; verdicts about others name theirs. One on fewer pairs than
    ``planned`` tells nothing but how many.
    """
    verdicts = [verdict for verdict, *_ in judged]
    collections = collections_of(
        {verdict.dataset: titles.get(verdict.dataset, verdict.dataset) for verdict in verdicts}
    )
    main = {head: _main_place(verdicts, collections, head) for head in sorted(set(collections.values()))}
    rows = []
    for sentence in dict.fromkeys(verdict.claim.sentence for verdict in verdicts):
        own = [one for one in judged if one[0].claim.sentence == sentence]
        by_head = {head: [one for one in own if collections[one[0].dataset] == head] for head in main}
        entries = {head: [(one[0], _entry(*one, planned)) for one in found] for head, found in by_head.items()}
        rows.append((sentence, *(_cell(found, main[head], titles) for head, found in entries.items())))
    headings = (f"{titles.get(dataset, dataset)} ({recipe})" for dataset, recipe in main.values())
    caption = (
        "Differences in percentage points, of test error where the claim names nothing else, paired by seed. Where a "
        "lower value is claimed, a negative one is in its favour, with a 95 % BCa interval; where one that is the same "
        "or not higher is claimed, the interval is a 90 % t interval. More than that decides, so that a verdict may be "
        "open although the interval shown seems to decide it: to hold, a p value that is adjusted for all verdicts of "
        "a question; to fail, a 95 % t interval over all contrasts, which is not shown, and, of a ranking, that the "
        "implementation which ranks shows its own sign. Of several contrasts that which speaks least for the claim is "
        "told, with an interval that is not adjusted. "
        f"{OLDER}: not all records are known to be younger than the claim as it is now. {VERDICT_NOTE} {ABSENT}: "
        "no verdict, records are missing, or both sides would be the same runs. Empty: not claimed."
    )
    return Table(caption, (Column("Claim"), *map(Column, headings)), tuple(rows))


def collections_of(titles: Mapping[str, str]) -> dict[str, str]:
    """By data set, the shortest of all titles, each up to its first comma, whose words its own title begins with."""
    heads = sorted({title.partition(",")[0] for title in titles.values()}, key=len)

    def begins(title: str, head: str) -> bool:
        return title == head or title.startswith((f"{head} ", f"{head},"))

    return {dataset: next(head for head in heads if begins(title, head)) for dataset, title in titles.items()}


def _main_place(verdicts: Sequence[Verdict], collections: Mapping[str, str], head: str) -> Place:
    places = Counter((verdict.dataset, verdict.recipe) for verdict in verdicts if collections[verdict.dataset] == head)
    return places.most_common(1)[0][0]


def _cell(entries: Sequence[tuple[Verdict, str]], main: Place, titles: Mapping[str, str]) -> str:
    """Tell the verdict about the main place first; the others, if any has data, say how their place differs from it."""
    if all(verdict.outcome == "no data" for verdict, _ in entries):
        return ABSENT if entries else ""
    told = []
    for verdict, entry in sorted(entries, key=lambda one: (one[0].dataset, one[0].recipe) != main):
        words = [titles.get(verdict.dataset, verdict.dataset)] if verdict.dataset != main[0] else []
        words += [verdict.recipe] if verdict.recipe != main[1] else []
        told.append(f"{', '.join(words)}: {entry}" if words else entry)
    return "; ".join(told)


def _entry(verdict: Verdict, age: Ages, marks: str, planned: int) -> str:
    if verdict.outcome == "no data":
        return ABSENT
    if verdict.n < planned:
        return f"{verdict.outcome}\N{NO-BREAK SPACE}{verdict.n} of {planned} pairs"
    interval = bracketed(verdict.interval, signed=True).replace(" ", "\N{NO-BREAK SPACE}")
    older = "" if age.all_later else OLDER
    return f"{verdict.outcome}\N{NO-BREAK SPACE}{points(verdict.difference)} {interval}{marks}{older}"
