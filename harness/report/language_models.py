"""The table of target language models: what fine-tuning did to their perplexity, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from harness.language_model_evidence import LanguageModelRecord
from harness.record import Record
from harness.report.tables import ABSENT, Column, Table, Value
from harness.specification import Dataset, Implementation, LanguageModelArm, Recipe
from harness.tasks import TargetModel, parent_stage


@dataclass(frozen=True)
class Group:
    """Language models that differ in the repetition alone.

    ``perplexities`` on held-out text is that of each model that a record starts from, by the digest of its encoder.
    ``measured`` are those of them whose cost, and perplexity before, is in the evidence.
    """

    dataset: Dataset
    recipe: Recipe
    implementation: Implementation
    arm: LanguageModelArm
    perplexities: Mapping[str, float]
    measured: tuple[LanguageModelRecord, ...]


def language_model_groups(records: Iterable[Record], models: Iterable[LanguageModelRecord]) -> tuple[Group, ...]:
    """Group the language models that records start from, in the order of the records.

    One that serves several data sets, since they share the text, is with the first.
    """
    by_start = {model.start: model for model in models}
    found: dict[tuple[Dataset, Recipe, Implementation, LanguageModelArm], dict[str, float]] = {}
    seen: set[str] = set()
    for record in records:
        stage, start, perplexity = parent_stage(record.specification), record.inputs.start, record.result.perplexity
        if isinstance(stage, TargetModel) and start is not None and perplexity is not None and start not in seen:
            seen.add(start)
            group = (stage.dataset, stage.recipe, stage.implementation, stage.arm)
            found.setdefault(group, {})[start] = perplexity
    return tuple(
        Group(*group, perplexities, tuple(by_start[start] for start in perplexities if start in by_start))
        for group, perplexities in found.items()
    )


def language_models_table(groups: Sequence[Group]) -> Table:
    """Build one row for each group."""
    columns = (
        Column("Text"),
        Column("Implementation"),
        Column("Language model's arm"),
        Column("Decay", numeric=True),
        Column("Models", numeric=True),
        Column("Perplexity before", numeric=True),
        Column("Perplexity (SD)", numeric=True),
        Column("Timed", numeric=True),
        Column("Thousand tokens", numeric=True),
        Column("Tokens/s", numeric=True),
        Column("Minutes", numeric=True),
    )
    caption = (
        "Language models that cells start from: their perplexity on held-out documents of the data set's text before "
        "fine-tuning on the rest of it and after, mean and standard deviation over models. Timed: those whose training "
        "was timed on one core and is in the evidence; tokens that each read, all epochs together, and means of tokens "
        "per second and minutes. The same repetition on another kind of machine is another model."
    )
    return Table(caption, columns, tuple(map(_row, groups)))


def language_model_numbers(groups: Sequence[Group]) -> dict[str, Value]:
    """What the paper's prose tells of texts on which both implementations fine-tuned a language model alike."""
    found: dict[str, Value] = {}
    keys = []
    for ours in groups:
        if ours.implementation != "torch":
            continue
        alike = (ours.dataset, ours.recipe, ours.arm)
        for theirs in groups:
            if theirs.implementation == "fastai" and (theirs.dataset, theirs.recipe, theirs.arm) == alike:
                key = f"language-models/{ours.dataset.name}/{ours.recipe.name}/{ours.arm.name}-{ours.arm.decay:g}"
                keys.append(key)
                found |= {
                    f"{key}/title": f"{ours.dataset.title} ({ours.recipe.name})",
                    f"{key}/torch": f"{mean(ours.perplexities.values()):.2f}",
                    f"{key}/fastai": f"{mean(theirs.perplexities.values()):.2f}",
                }
    return found | {"language-models": tuple(keys)}


def _row(group: Group) -> tuple[str, ...]:
    after, timed = list(group.perplexities.values()), group.measured
    spread = f" ({stdev(after):.2f})" if len(after) > 1 else ""
    return (
        f"{group.dataset.title} ({group.recipe.name})",
        group.implementation,
        group.arm.name,
        f"{group.arm.decay:g}",
        f"{len(after)}",
        f"{mean(model.perplexity_before for model in timed):.2f}" if timed else ABSENT,
        f"{mean(after):.2f}{spread}",
        f"{len(timed)}",
        f"{mean(model.tokens for model in timed) / 1000:.0f}" if timed else ABSENT,
        f"{mean(model.tokens_per_second for model in timed):.0f}" if timed else ABSENT,
        f"{mean(model.seconds for model in timed) / 60:.1f}" if timed else ABSENT,
    )
