"""The verdicts at a glance: a row for each claim, a column for each collection of texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.claim_history import Ages
from harness.claims import Place, Verdict
from harness.report.tables import ABSENT, Column, Table, bracketed, points

OLDER = "∗"  # some of a verdict's records are older than its claim
Judged = tuple[Verdict, Ages]


def at_a_glance(verdicts: Sequence[Verdict], aged: Sequence[Ages], titles: Mapping[str, str]) -> Table:
    """Build one row for each claim, with its verdicts by collection; ``aged`` has the ages of each verdict's records.

    Claims of one sentence, each about data sets of its own, share a row. A column is headed by the data set and recipe
    that most verdicts of the collection are about; verdicts about others name theirs.
    """
    collections = _collections(verdicts, titles)
    main = {head: _main_place(verdicts, collections, head) for head in sorted(set(collections.values()))}
    judged = list(zip(verdicts, aged, strict=True))
    rows = []
    for sentence in dict.fromkeys(verdict.claim.sentence for verdict in verdicts):
        own = [pair for pair in judged if pair[0].claim.sentence == sentence]
        by_head = {head: [pair for pair in own if collections[pair[0].dataset] == head] for head in main}
        rows.append((sentence, *(_cell(found, main[head], head, titles) for head, found in by_head.items())))
    headings = (f"{titles.get(dataset, dataset)} ({recipe})" for dataset, recipe in main.values())
    caption = (
        "Differences in percentage points, of test error where the claim names nothing else, paired by seed. Where a "
        "lower value is claimed, a negative one is in its favour, with a 95 % BCa interval; where one that is the same "
        f"or not higher is claimed, the interval is a 90 % t interval. {OLDER}: some of the records are older than the "
        f"claim as it is now. {ABSENT}: not measured. Empty: not claimed."
    )
    return Table(caption, (Column("Claim"), *map(Column, headings)), tuple(rows))


def _collections(verdicts: Sequence[Verdict], titles: Mapping[str, str]) -> dict[str, str]:
    """By data set, the shortest of all titles, each up to its first comma, that its own title begins with."""
    names = {verdict.dataset: titles.get(verdict.dataset, verdict.dataset) for verdict in verdicts}
    heads = sorted({title.partition(",")[0] for title in names.values()}, key=len)
    return {dataset: next(head for head in heads if title.startswith(head)) for dataset, title in names.items()}


def _main_place(verdicts: Sequence[Verdict], collections: Mapping[str, str], head: str) -> Place:
    places = Counter((verdict.dataset, verdict.recipe) for verdict in verdicts if collections[verdict.dataset] == head)
    return places.most_common(1)[0][0]


def _cell(judged: Sequence[Judged], main: Place, head: str, titles: Mapping[str, str]) -> str:
    """Tell the verdicts that have data, that about the main place first; others say how their place differs from it."""
    with_data = [pair for pair in judged if pair[0].outcome != "no data"]
    if not with_data:
        return ABSENT if judged else ""
    with_data.sort(key=lambda pair: (pair[0].dataset, pair[0].recipe) != main)
    told = []
    for verdict, age in with_data:
        dataset = titles.get(verdict.dataset, verdict.dataset).removeprefix(head).strip(" ,")
        words = [dataset] if verdict.dataset != main[0] else []
        words += [verdict.recipe] if verdict.recipe != main[1] else []
        told.append(f"{', '.join(words)}: {_entry(verdict, age)}" if words else _entry(verdict, age))
    return "; ".join(told)


def _entry(verdict: Verdict, age: Ages) -> str:
    interval = bracketed(verdict.interval, signed=True).replace(" ", "\N{NO-BREAK SPACE}")
    older = "" if age.all_later else OLDER
    return f"{verdict.outcome}\N{NO-BREAK SPACE}{points(verdict.difference)} {interval}{older}"
