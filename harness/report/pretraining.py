"""What pre-training is worth: full ULMFiT from each general language model against training from scratch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.claims import paired_errors, without_language_model
from harness.report.appearance import (
    BLUE,
    LINES,
    MARKERS,
    VERMILION,
    error_bars,
    figure_style,
    panels_in_rows,
    shared_legend,
)
from harness.report.marks import NOTE
from harness.report.summaries import DISCRIMINATIVE, UNIFORM, Summary, by_repetition, line_name
from harness.report.tables import (
    ABSENT,
    Column,
    Table,
    Value,
    bracketed,
    difference_text,
    percent,
    points,
    rate_text,
    seeds_text,
)
from harness.specification import Arm, LanguageModelArm, Recipe, ShippedModel
from harness.statistics import PairedDifference, paired_difference

VALIDATION = "wikitext-validation"  # the text whose perplexity is shown


@dataclass(frozen=True)
class Product:
    """A pre-trained general language model: how many tokens it read, and its perplexity on each evaluation text."""

    name: str
    tokens: int
    perplexity: Mapping[str, float]


@dataclass(frozen=True)
class Start:
    """Full ULMFiT from one general language model.

    ``scratch`` is the same from random weights, of the same direction where there is one, tuned on the same base rates;
    None where that was not measured.
    """

    product: Product
    summary: Summary
    scratch: Summary | None

    @property
    def difference(self) -> PairedDifference | None:
        """The test error less that from scratch, paired by repetition; absent without pairs."""
        if self.scratch is None:
            return None
        left, right = paired_errors(by_repetition(self.summary), by_repetition(self.scratch))
        return paired_difference(left, right) if left else None


def read_products(folder: Path) -> dict[str, Product]:
    """The general language models that ``folder`` tells of in ``<name>.json``, by the digest of their weights."""
    found: dict[str, Product] = {}
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(facts, dict):  # a vocabulary is a list
            found[facts["digest"]] = Product(facts["recipe"]["name"], facts["tokens"], facts["perplexity"])
    return found


def starts(summaries: Sequence[Summary], products: Mapping[str, Product]) -> tuple[Start, ...]:
    """Find full ULMFiT with final repetitions from each of ``products``, by dataset, then from the fewest tokens."""
    found = []
    for summary in summaries:
        general = _recipe(summary).general if summary.finals else None
        if isinstance(general, ShippedModel) and general.digest in products and _is_full(_arm(summary)):
            found.append(Start(products[general.digest], summary, _scratch_of(summary, summaries)))
    order = list(dict.fromkeys(start.summary.family.dataset for start in found))
    return tuple(sorted(found, key=lambda start: (order.index(start.summary.family.dataset), start.product.tokens)))


def pretraining_table(found: Iterable[Start], titles: Mapping[str, str]) -> Table:
    """Build one row for each dataset and general language model."""
    columns = (
        Column("Dataset"),
        Column("Language model"),
        Column("Tokens, millions", numeric=True),
        Column("Perplexity", numeric=True),
        Column("Base rate", numeric=True),
        Column("Seeds", numeric=True),
        Column("Test error\N{NO-BREAK SPACE}% [95\N{NO-BREAK SPACE}%]", numeric=True),
        Column("Difference to scratch [95\N{NO-BREAK SPACE}%]", numeric=True),
    )
    caption = (
        "Full ULMFiT (gradual unfreezing, STLR, decay 2.6) from each general language model, of which each was trained "
        "once: all intervals are over the seeds of fine-tuning alone. Perplexity of that model on the validation text "
        "of WikiText-103, in our tokens. Intervals of the error are Student's t over final seeds; differences to "
        "training from scratch, of the same direction where that was measured and tuned on the same grid, are in "
        f"percentage points, paired by seed, with BCa intervals that are not adjusted for their number. {NOTE}"
    )
    return Table(caption, columns, tuple(_row(start, titles) for start in found))


def pretraining_numbers(found: Sequence[Start]) -> dict[str, Value]:
    """Count the rows of the table, and tell the most tokens, in millions, that any of its language models read."""
    tokens = max((start.product.tokens for start in found), default=None)
    return {"pretraining/rows": len(found), "pretraining/tokens": ABSENT if tokens is None else f"{tokens / 1e6:.1f}"}


def _curves(found: Iterable[Start]) -> dict[tuple[str, str, Recipe], list[Start]]:
    """Group forward models by dataset, implementation and what else they share; two numbers of tokens at least."""
    grouped: dict[tuple[str, str, Recipe], list[Start]] = {}
    for start in found:
        family, recipe = start.summary.family, _recipe(start.summary)
        if recipe.direction == "forward":
            place = family.dataset, family.implementation, without_language_model(recipe)
            grouped.setdefault(place, []).append(start)
    return {place: rows for place, rows in grouped.items() if len({row.product.tokens for row in rows}) > 1}


def tokens_table(found: Iterable[Start], titles: Mapping[str, str]) -> Table:
    """Build one row for each pair of neighbours on the curve of error against tokens."""
    columns = (
        Column("Dataset"),
        Column("Implementation"),
        Column("From, million tokens", numeric=True),
        Column("To, million tokens", numeric=True),
        Column("Pairs", numeric=True),
        Column("Difference in test error [95\N{NO-BREAK SPACE}%]", numeric=True),
        Column("For each doubling", numeric=True),
    )
    caption = (
        "What more tokens of pre-training change in the test error of full ULMFiT, in percentage points: the model of "
        "more tokens less its neighbour of fewer, paired by seed of fine-tuning, with BCa intervals that are not "
        "adjusted for their number; and that difference divided by the number of times that the tokens doubled."
    )
    rows = []
    for (dataset, implementation, _), line in _curves(found).items():
        for fewer, more in pairwise(line):
            left, right = paired_errors(by_repetition(more.summary), by_repetition(fewer.summary))
            if not left or more.product.tokens == fewer.product.tokens:
                continue
            change = paired_difference(left, right)
            doublings = math.log2(more.product.tokens / fewer.product.tokens)
            tokens = [f"{start.product.tokens / 1e6:.1f}" for start in (fewer, more)]
            shown = difference_text(change)
            pairs, rate = str(len(left)), points(change.mean / doublings)
            rows.append((titles.get(dataset, dataset), implementation, *tokens, pairs, shown, rate))
    return Table(caption, columns, tuple(rows))


@figure_style()
def error_against_tokens(found: Iterable[Start], titles: Mapping[str, str]) -> Figure | None:
    """Draw test error with 95 % t intervals against tokens of pre-training, and the error from scratch.

    A panel for each dataset with two forward models at least that differ in their tokens.
    """
    panels = _curves(found)
    if not panels:
        return None
    figure, grid = panels_in_rows(len(panels), 2.5)
    drawn = zip([axes for row in grid for axes in row], panels.items(), strict=True)
    for axes, ((dataset, implementation, _), rows) in drawn:
        _curve(axes, rows)
        axes.set_title(f"{titles.get(dataset, dataset)}, {implementation}")
    for row in grid:
        row[0].set_ylabel("test error, %")
    shared_legend(figure, grid, 2)
    return figure


def _curve(axes: Axes, rows: Sequence[Start]) -> None:
    tokens = [row.product.tokens / 1e6 for row in rows]
    errors = [(row.summary.test_error or 0.0, row.summary.interval) for row in rows]
    line = {"color": BLUE, "marker": MARKERS[0], "linestyle": LINES[0], "label": line_name(rows[0].summary.family)}
    error_bars(axes, tokens, errors, line)
    scratch = rows[0].scratch
    if scratch is not None and scratch.test_error is not None:
        axes.axhline(100 * scratch.test_error, color=VERMILION, linestyle=LINES[1], label=line_name(scratch.family))
        if scratch.interval is not None:
            axes.axhspan(*(100 * bound for bound in scratch.interval), color=VERMILION, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(tokens, [f"{count:.1f}" for count in tokens])
    axes.minorticks_off()
    axes.set_xlabel("tokens of pre-training, millions")


def _recipe(summary: Summary) -> Recipe:
    return summary.finals[0].specification.recipe


def _arm(summary: Summary) -> Arm:
    return summary.finals[0].specification.arm


def _is_full(arm: Arm) -> bool:
    """Whether both stages of fine-tuning are the paper's: STLR with decay 2.6, and gradual unfreezing."""
    start = arm.start
    return (
        isinstance(start, LanguageModelArm)
        and (start.schedule, start.decay, start.embedding_group) == ("stlr", DISCRIMINATIVE, "top")
        and (arm.unfreezing, arm.schedule, arm.decay) == ("gradual", "stlr", DISCRIMINATIVE)
    )


def _scratch_of(summary: Summary, summaries: Iterable[Summary]) -> Summary | None:
    """The same dataset, base rates and, but for the language model, recipe from random weights at a uniform rate."""
    family, recipe = summary.family, _recipe(summary)
    found = [
        other
        for other in summaries
        if other.finals
        and (_arm(other).start, other.family.decay) == ("random", UNIFORM)
        and (other.family.dataset, other.family.implementation) == (family.dataset, family.implementation)
        and without_language_model(_recipe(other)) == without_language_model(recipe)
        and other.tried == summary.tried
    ]
    return min(found, key=lambda other: _recipe(other).direction != recipe.direction, default=None)


def _row(start: Start, titles: Mapping[str, str]) -> tuple[str, ...]:
    summary, difference = start.summary, start.difference
    perplexity = start.product.perplexity.get(VALIDATION)
    return (
        f"{titles.get(summary.family.dataset, summary.family.dataset)} ({summary.family.recipe})",
        start.product.name,
        f"{start.product.tokens / 1e6:.1f}",
        ABSENT if perplexity is None else f"{perplexity:.1f}",
        rate_text(summary),
        seeds_text(summary),
        f"{percent(summary.test_error)} {bracketed(summary.interval)}",
        difference_text(difference),
    )
