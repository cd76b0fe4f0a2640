"""The decay of the language model's own fine-tuning: what it does to perplexity and to the classifier after it.

Arms that differ in nothing but that decay make a group; the classifier's base rate is tuned in each, that of the
language model's fine-tuning is the recipe's in all.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from statistics import mean

from harness.claims import paired_errors
from harness.report.marks import NOTE
from harness.report.summaries import UNIFORM, Summary, by_repetition
from harness.report.tables import ABSENT, Column, Table, bracketed, difference_text, percent, rate_text, seeds_text
from harness.specification import LanguageModelArm
from harness.statistics import PairedDifference, paired_difference

Group = dict[float, Summary]  # by the decay of the language model's fine-tuning


def language_model_decay_groups(summaries: Sequence[Summary]) -> list[Group]:
    """The families with final records that differ in that decay alone, of two at least, with the decays in order."""
    found: dict[Hashable, Group] = {}
    for summary in summaries:
        cell = summary.finals[0].specification if summary.finals else None
        if cell is not None and isinstance(cell.arm.start, LanguageModelArm):
            start = replace(cell.arm.start, name="", decay=UNIFORM)
            alike = (cell.dataset, cell.recipe, cell.implementation, replace(cell.arm, name="", start=start))
            found.setdefault(alike, {})[cell.arm.start.decay] = summary
    return [dict(sorted(group.items())) for group in found.values() if len(group) > 1]


def language_model_decays_table(groups: Sequence[Group], titles: Mapping[str, str]) -> Table:
    """Build one row for each language model decay of each group."""
    columns = (
        Column("Dataset"),
        Column("Implementation"),
        Column("Schedule"),
        Column("Decay", numeric=True),
        Column("Perplexity", numeric=True),
        Column("Base rate", numeric=True),
        Column("Seeds", numeric=True),
        Column("Validation error\N{NO-BREAK SPACE}%", numeric=True),
        Column("Test error\N{NO-BREAK SPACE}% [95\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Difference to uniform [95\N{NO-BREAK SPACE}%]", numeric=True),
    )
    caption = (
        "The fine-tuning of the language model: its schedule and decay, at one base rate that nothing tuned; its mean "
        "perplexity on held-out text after it, without models that diverged; and the error of the classifier that "
        "follows (the arm of full ULMFiT, its own base rate tuned), over the final seeds. Differences to the language "
        "model that was fine-tuned with a uniform rate are in points, paired by seed, with BCa intervals that are not "
        f"adjusted. {NOTE}"
    )
    return Table(caption, columns, tuple(_row(decay, group, titles) for group in groups for decay in group))


def _row(decay: float, group: Group, titles: Mapping[str, str]) -> tuple[str, ...]:
    summary, uniform = group[decay], group.get(UNIFORM)
    family, start = summary.family, summary.finals[0].specification.arm.start
    assert isinstance(start, LanguageModelArm)
    perplexities = [r.result.perplexity for r in summary.finals if r.result.perplexity is not None]
    diverged = len(summary.finals) - len(perplexities)
    return (
        f"{titles.get(family.dataset, family.dataset)} ({family.recipe})",
        family.implementation,
        start.schedule + (", embedding lowest" if start.embedding_group == "bottom" else ""),
        f"{decay:g}",
        (f"{mean(perplexities):.1f}" if perplexities else ABSENT) + (f" ({diverged} diverged)" if diverged else ""),
        rate_text(summary),
        seeds_text(summary),
        percent(summary.validation_error),
        f"{percent(summary.test_error)} {bracketed(summary.interval)}",
        difference_text(None if uniform is None or uniform is summary else _difference(summary, uniform)),
    )


def _difference(summary: Summary, uniform: Summary) -> PairedDifference | None:
    left, right = paired_errors(by_repetition(summary), by_repetition(uniform))
    return paired_difference(left, right) if left else None
