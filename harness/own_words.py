"""What ``own`` says on the console: what it understood of the texts before it runs, and what was found after."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import mean
from typing import TYPE_CHECKING

from harness.claims import Verdict, comparable
from harness.corpus.splits import TRAIN_CONTRADICTED, TRAIN_IN_TEST, TRAIN_REPEATED, Splits
from harness.corpus.texts import CorpusError, RawTexts, normalise
from harness.language_model_evidence import trained_stages
from harness.specification import Cell, Dataset, Hardware

if TYPE_CHECKING:
    from harness.report.inputs import ReportInputs
    from harness.report.near_rates import NearRates
    from harness.report.summaries import Summary

MOST_CLASSES = 10  # told by name
LEFT_OUT = (TRAIN_IN_TEST, TRAIN_REPEATED, TRAIN_CONTRADICTED)


def understood(dataset: Dataset, raw: RawTexts, parts: Splits, cells: Iterable[Cell]) -> tuple[str, ...]:
    """Say in lines what the texts are, how they are divided into ``parts``, and what is run on them.

    Raises:
        CorpusError: when the part for testing, or that for validation, has texts of one class alone.
    """
    cells = tuple(cells)
    for part, pairs in (("for testing", parts.test), ("for validation", parts.validation)):
        if len({label for _, label in pairs}) < 2:
            raise CorpusError(
                f"{dataset.title}: all {len(pairs)} texts {part} are of class {pairs[0][1]}: nothing could be told "
                "apart on them. Give more texts of the other classes."
            )
    classes = Counter(label for _, label in (*raw.train, *(raw.test or ())))
    named = [f"{label} {count:,}" for label, count in classes.most_common(MOST_CLASSES)]
    more = [f"{len(classes) - len(named)} more"] if len(classes) > len(named) else []
    left_out = [f"{count:,} {why}" for why in LEFT_OUT if (count := parts.dropped[why])]
    largest, error = one_answer(parts)
    models = len(trained_stages(cells, Hardware()))
    drawn = "all" if dataset.labels is None else f"{dataset.labels:,} of"
    read = len(parts.language_model) + len(parts.language_model_validation)
    return (
        f"{dataset.title}: {classes.total():,} texts of {len(classes)} classes: {', '.join((*named, *more))}",
        *([f"left out: {', '.join(left_out)}"] if left_out else []),
        f"{drawn} {len(parts.train):,} training texts, {len(parts.validation):,} for validation, {len(parts.test):,} "
        f"for testing; the language model reads {read:,}",
        *_repeats(parts),
        f"answering {largest} always: test error {100 * error:.2f} %",
        f"to run, once each: {len(cells)} classifiers and {models} language models of recipe {cells[0].recipe.name}",
    )


def one_answer(parts: Splits) -> tuple[str, float]:
    """The most frequent class of the test texts, and the error (fraction) of answering with it always."""
    (largest, times), *_ = Counter(label for _, label in parts.test).most_common(1)
    return largest, 1 - times / len(parts.test)


def _repeats(parts: Splits) -> Iterable[str]:
    """Say how many test texts count several times, and how many training has too but for case or signs."""
    different = {normalise(text) for text, _ in parts.test}
    if again := len(parts.test) - len(different):
        yield f"{again:,} test texts repeat another one: each counts, and intervals take them for different ones"
    trained = {_words(text) for text, _ in parts.train}
    if close := sum(_words(text) in trained for text in different):
        yield f"{close:,} test texts differ from a training text in case or signs alone: errors will look too low"


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.lower())) or (text,)


def conclusion(inputs: ReportInputs, always: tuple[str, float]) -> tuple[str, ...]:
    """Say in lines what was found: the error at each decay, of the baselines, and what becomes of the claims.

    ``always`` is what :func:`one_answer` says of the parts.
    """
    from harness.report.marks import EDGE, TIE  # noqa: PLC0415
    from harness.report.tables import bracketed, percent, rate_text  # noqa: PLC0415

    lines = [
        f"decay {summary.family.decay:g}, base rate {rate_text(summary)}: test error {percent(summary.test_error)} % "
        f"{bracketed(summary.interval)}"
        for summary in inputs.summaries
    ]
    if any(summary.on_edge for summary in inputs.summaries):
        lines.append(f"{EDGE} on the edge of the base rates that were tried: a better one may lie outside")
    if any(summary.tied for summary in inputs.summaries):
        lines.append(f"{TIE} chosen by a tie: another base rate had the same validation error")
    for baseline in inputs.baselines:
        error = mean(run.test_error for run in baseline.runs)
        lines.append(f"{baseline.baseline.title}: test error {percent(error)} %")
    largest, guess = always
    lines.append(f"answering {largest} always: test error {percent(guess)} %")
    lines += [
        f"decay {one.family.decay:g}: {one.diverged} of its {len(one.finals)} final runs diverged or learnt nothing"
        for one in inputs.summaries
        if one.diverged
    ]
    found = [one.test_error for one in inputs.summaries if one.test_error is not None]
    if all(comparable(error) >= comparable(guess) for error in found):
        lines.append(f"no decay does better than answering {largest} always: what follows says nothing about decays")
    items, margin = inputs.records[0].result.test.items, inputs.protocol.margin
    lines += [line for verdict in inputs.verdicts for line in _told(verdict, items)]
    lines += [_near(found) for found in inputs.near_rates if len(found.uniform) * len(found.discriminative) > 1]
    lines += _over_the_grid(inputs.summaries)
    if items * margin < 1:
        lines.append(
            f"one of {items} test texts is {100 / items:.1f} points, more than the margin of {100 * margin:g}: "
            "look at the interval with the texts, and give more of them (--test)"
        )
    return tuple(lines)


def _told(verdict: Verdict, items: int) -> list[str]:
    """The verdict on a claim of a lower error, and how far it goes."""
    from harness.report.tables import bracketed, points  # noqa: PLC0415
    from harness.verdicts import stands_with_items  # noqa: PLC0415

    interval, with_items = (bracketed(one, signed=True) for one in (verdict.interval, verdict.with_items))
    lines = [
        f"{verdict.outcome}: {verdict.claim.sentence} Difference {points(verdict.difference)} points, {interval} over "
        f"seeds, {with_items} over seeds and the {items} test texts."
    ]
    if verdict.outcome == "failed":
        gain = f"{100 * verdict.claim.margin:g} points"
        lines.append(
            f"failed: an error lower by {gain} or more is ruled out; it may be equal, a little lower, or higher"
        )
    if verdict.outcome == "undecided" and verdict.deciding:
        lines.append(f"undecided: about {verdict.deciding.pairs} pairs of runs like these {verdict.n} would decide it")
    if stands_with_items(verdict) is False:
        lines.append(
            f"{verdict.outcome} on these {items} test texts: on others like them it is open, give more (--test)"
        )
    return lines


def _near(found: NearRates) -> str:
    return (
        f"of {found.tried} base rates {len(found.uniform)} at decay 1 and {len(found.discriminative)} at "
        f"{found.family.decay:g} are within one standard error of the best in validation: at others than the chosen "
        "ones the difference may have another sign"
    )


def _over_the_grid(summaries: Sequence[Summary]) -> list[str]:
    """How much the choice of the base rate matters: the mean error over all that were tried."""
    from harness.report.tables import percent  # noqa: PLC0415

    means = [f"{percent(mean(one.tuning))} % at decay {one.family.decay:g}" for one in summaries if len(one.tuning) > 1]
    return [f"over all base rates that were tried, mean validation error: {', '.join(means)}"] if means else []
