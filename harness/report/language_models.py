"""The table of target language models: what fine-tuning did to their perplexity, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median, stdev

from harness.language_model_evidence import LanguageModelRecord, language_model_key
from harness.record import Record
from harness.report.tables import ABSENT, Column, Table, Value
from harness.specification import Implementation, LanguageModelArm
from harness.tasks import TargetModel, parent_stage

Like = tuple[Hashable, Implementation, LanguageModelArm]  # what language models of a group have in common


@dataclass
class Group:
    """Language models that differ in the repetition alone; data sets may share the text.

    ``perplexities`` on held-out text has by repetition that of each model that a record starts from, by the digest of
    its encoder: another machine, or other training code, makes another one; None where it is not finite.
    ``titles`` counts records by data set and recipe.
    """

    implementation: Implementation
    arm: LanguageModelArm
    titles: Counter[str] = field(default_factory=Counter)
    perplexities: dict[int, dict[str, float | None]] = field(default_factory=dict)
    timed: tuple[LanguageModelRecord, ...] = ()

    @property
    def title(self) -> str:
        """Name the text by the data set and recipe with the most records."""
        return self.titles.most_common(1)[0][0]

    @property
    def by_repetition(self) -> list[float]:
        """The perplexity of each repetition that has a finite one, the mean where several models have."""
        each = ([value for value in models.values() if value is not None] for models in self.perplexities.values())
        return [mean(finite) for finite in each if finite]

    @property
    def diverged(self) -> int:
        """How many repetitions have a model without a finite perplexity."""
        return sum(None in models.values() for models in self.perplexities.values())


def language_model_groups(records: Iterable[Record], models: Iterable[LanguageModelRecord]) -> Mapping[Like, Group]:
    """Group the language models that records start from, in the order of the records."""
    found: dict[Like, Group] = {}
    for record in records:
        stage, start = parent_stage(record.specification), record.inputs.start
        if isinstance(stage, TargetModel) and start is not None:
            like = (language_model_key(stage.dataset, stage.recipe), stage.implementation, stage.arm)
            group = found.setdefault(like, Group(stage.implementation, stage.arm))
            group.titles[f"{stage.dataset.title} ({stage.recipe.name})"] += 1
            group.perplexities.setdefault(stage.repetition, {})[start] = record.result.perplexity
    by_start = {model.start: model for model in models}
    for group in found.values():
        starts = [start for models in group.perplexities.values() for start in models]
        group.timed = tuple(by_start[start] for start in starts if start in by_start)
    return found


def language_models_table(groups: Iterable[Group]) -> Table:
    """Build one row for each group."""
    columns = (
        Column("Text"),
        Column("Implementation"),
        Column("Language model's arm"),
        Column("Decay", numeric=True),
        Column("Repetitions", numeric=True),
        Column("Perplexity before", numeric=True),
        Column("Perplexity (SD)", numeric=True),
        Column("Timed", numeric=True),
        Column("Thousand tokens", numeric=True),
        Column("Minutes", numeric=True),
    )
    caption = (
        "Language models that cells start from: perplexity on held-out documents of the text, before fine-tuning on "
        "the rest of it and after; mean and standard deviation over repetitions, without models that diverged, which "
        "are counted. Of data sets that share the text one is named. fastai's is computed in the precision of the "
        "training, ours always in float32, so that the same weights may differ in the second decimal or the first. "
        "Timed: models whose training is in the evidence with the time that it took; tokens that each read, all epochs "
        "together, and minutes on one core, the median and the range. The machines were at times shared: the minutes "
        "say what a run costs, not which implementation is faster."
    )
    return Table(caption, columns, tuple(map(_row, groups)))


def language_model_numbers(groups: Mapping[Like, Group]) -> dict[str, Value]:
    """What the paper's prose tells of texts on which both implementations fine-tuned a language model alike."""
    found: dict[str, Value] = {}
    keys = []
    for (text, implementation, arm), ours in groups.items():
        theirs = groups.get((text, "fastai", arm))
        if implementation == "torch" and theirs is not None and ours.by_repetition and theirs.by_repetition:
            key = f"language-models/{ours.title}/{arm.name}-{arm.decay:g}"
            keys.append(key)
            found |= {
                f"{key}/title": ours.title,
                f"{key}/torch": f"{mean(ours.by_repetition):.1f}",
                f"{key}/fastai": f"{mean(theirs.by_repetition):.1f}",
            }
    return found | {"language-models": tuple(keys)}


def _row(group: Group) -> tuple[str, ...]:
    after, timed = group.by_repetition, group.timed
    diverged = f" ({group.diverged} diverged)" if group.diverged else ""
    spread = f" ({stdev(after):.2f})" if len(after) > 1 else ""
    return (
        group.title,
        group.implementation,
        group.arm.name,
        f"{group.arm.decay:g}",
        f"{len(group.perplexities)}{diverged}",
        f"{mean(model.perplexity_before for model in timed):.2f}" if timed else ABSENT,
        f"{mean(after):.2f}{spread}" if after else ABSENT,
        f"{len(timed)}",
        f"{mean(model.tokens for model in timed) / 1000:.0f}" if timed else ABSENT,
        _minutes([model.seconds / 60 for model in timed]) if timed else ABSENT,
    )


def _minutes(each: Sequence[float]) -> str:
    between = f" ({min(each):.1f}–{max(each):.1f})" if len(each) > 1 else ""
    return f"{median(each):.1f}{between}"
