"""Whether the two implementations differ at the same base rate, or in the base rates that tuning chose for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.claims import Protocol, paired_errors
from harness.record import Record
from harness.report.marks import MIXED_NOTE, NOTE, mixed_mark
from harness.report.summaries import Summary, by_repetition, finals_by_rate, find
from harness.report.tables import ABSENT, Column, Table, bracketed, difference_text, points, rate_text
from harness.statistics import paired_difference


def same_rates_table(
    records: Iterable[Record], summaries: Sequence[Summary], protocol: Protocol, titles: Mapping[str, str]
) -> Table:
    """Build one row for each dataset, recipe, arm and decay that both implementations were tuned on.

    ``records`` are searched for torch's final repetitions at fastai's rate.
    """
    columns = (
        Column("Dataset"),
        Column("Arm"),
        Column("Decay", numeric=True),
        Column("Rates", numeric=True),
        Column("Median", numeric=True),
        Column("Quartiles", numeric=True),
        Column("Rate, torch", numeric=True),
        Column("Rate, fastai", numeric=True),
        Column("Each at its own [95\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Both at fastai's [95\N{NO-BREAK SPACE}%]", numeric=True),
    )
    caption = (
        "torch minus fastai, in points. At the same base rate: median and quartiles, over all rates, of the difference "
        "in mean validation error of the tuning repetitions. Each at its own rate, and both at the one that fastai "
        "chose: the paired difference in test error of the final repetitions, with a BCa interval that is not "
        f"adjusted. {NOTE} {MIXED_NOTE}"
    )
    finals, planned, rows = finals_by_rate(records, protocol), len(protocol.final_repetitions), []
    for summary in summaries:
        other = find(summaries, replace(summary.family, implementation="fastai"))
        if summary.family.implementation == "torch" and other is not None:
            there = finals.get((summary.family, other.rate), {}) if other.rate is not None else {}
            own, theirs = by_repetition(summary), by_repetition(other)
            paired = (_difference(records, theirs, planned) for records in (own, there))
            rows.append((*_row(summary, other, titles), *paired))
    return Table(caption, columns, tuple(rows))


def _row(torch: Summary, fastai: Summary, titles: Mapping[str, str]) -> tuple[str, ...]:
    family = torch.family
    theirs = dict(zip(fastai.tried, fastai.tuning, strict=True))
    apart = [error - theirs[rate] for rate, error in zip(torch.tried, torch.tuning, strict=True) if rate in theirs]
    low, median, high = map(float, np.percentile(apart or [math.nan], (25, 50, 75)))
    return (
        f"{titles.get(family.dataset, family.dataset)} ({family.recipe})",
        family.arm,
        f"{family.decay:g}",
        f"{len(apart)}",
        points(median if apart else None),
        bracketed((low, high) if apart else None, signed=True),
        rate_text(torch),
        rate_text(fastai),
    )


def _difference(torch: Mapping[int, Record], fastai: Mapping[int, Record], planned: int) -> str:
    left, right = paired_errors(torch, fastai)
    if len(left) < planned:
        return ABSENT
    return f"{difference_text(paired_difference(left, right))}{mixed_mark((*torch.values(), *fastai.values()))}"
