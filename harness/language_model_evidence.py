"""The committed evidence of language models: what fine-tuning each of them cost, and what it did to its perplexity.

A cell's record names its starting encoder by digest, and by that digest a stored product is known to be its start: the
products themselves are large and not committed.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter
from safetensors import SafetensorError, safe_open

from harness.claims import without_labels
from harness.evidence import EvidenceError, natural_key
from harness.evidence_list import read_list, write_list
from harness.record import Record
from harness.specification import (
    Cell,
    Dataset,
    Hardware,
    Implementation,
    LanguageModelArm,
    LanguageModelRecipe,
    Precision,
    Recipe,
)
from harness.store import Store
from harness.tasks import Stage, TargetModel, parent_stage, plan_tasks

FILE = "language-models.json"  # in the folder of the committed evidence


@dataclass(frozen=True)
class LanguageModelRecord:
    """A language model that was fine-tuned on a data set's text.

    ``start`` is the digest of its encoder, as in ``Inputs.start`` of the cells that start from it; ``dataset`` the
    first of their data sets, where several share the text. The perplexities are those on held-out documents of the
    text, of the general model and of this one. ``tokens`` is how many were read, all epochs together. ``device``,
    ``precision`` and ``processor`` are those of a cell that starts from it, in whose store it was made.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    dataset: str
    recipe: str
    implementation: Implementation
    arm: LanguageModelArm
    repetition: int
    start: str
    perplexity_before: float
    perplexity: float
    tokens: int
    tokens_per_second: float
    device: str
    precision: Precision
    processor: str
    commit: str

    @property
    def seconds(self) -> float:
        """What its training took, by the clock of one worker."""
        return self.tokens / self.tokens_per_second


_RECORDS = TypeAdapter(tuple[LanguageModelRecord, ...])


def collect(store: Store, records: Iterable[Record]) -> tuple[LanguageModelRecord, ...]:
    """Describe the fine-tuned language models among the store's products that cells of ``records`` start from.

    Those without a finite perplexity are left out: no digest tells one model of nothing but NaN from another.

    Raises:
        EvidenceError: when a product is damaged.
    """
    from harness.weights import WeightsError, encoder_only, load, weights_digest  # noqa: PLC0415  (imports torch)

    first: dict[str, Record] = {}
    for record in sorted(records, key=lambda record: natural_key(record.cell)):
        if record.inputs.start is not None:
            first.setdefault(record.inputs.start, record)
    found: list[LanguageModelRecord] = []
    for path in store.products():
        try:
            weights, facts = load(path)
        except WeightsError as error:
            raise EvidenceError(str(error)) from error
        start = weights_digest(encoder_only(weights))
        measured = facts.get("perplexity") is not None
        if measured and start in first and isinstance(parent_stage(first[start].specification), TargetModel):
            found.append(_described(first[start], start, facts))
    return tuple(found)


def _described(record: Record, start: str, facts: Mapping[str, object]) -> LanguageModelRecord:
    stage = parent_stage(record.specification)
    assert isinstance(stage, TargetModel)
    told = {
        "dataset": stage.dataset.name,
        "recipe": stage.recipe.name,
        "implementation": stage.implementation,
        "arm": stage.arm,
        "repetition": stage.repetition,
        "start": start,
        "device": record.environment.device,
        "precision": record.environment.precision,
        "processor": record.environment.processor,
    }
    measured = ("perplexity_before", "perplexity", "tokens", "tokens_per_second", "commit")
    (model,) = _RECORDS.validate_python([told | {name: facts[name] for name in measured}])
    return model


def language_model_key(dataset: Dataset, recipe: Recipe) -> Hashable:
    """What of a data set and a recipe makes a language model: not the labels, nor the classifier, nor any name."""
    return without_labels(dataset), recipe.size, recipe.general, recipe.target, recipe.direction


def trained_stages(cells: Iterable[Cell], hardware: Hardware) -> tuple[Stage, ...]:
    """The language models that have to be trained for the cells, each product once; a shipped one has not."""
    stages = (task.payload for task in plan_tasks(cells, hardware) if isinstance(task.payload, Stage))
    return tuple(
        stage
        for stage in stages
        if isinstance(stage, TargetModel) or isinstance(stage.recipe.general, LanguageModelRecipe)
    )


def training_seconds(product: Path) -> float:
    """Seconds in the training steps of a stored language model that was trained, from the header of its file.

    Raises:
        EvidenceError: when the file does not say.
    """
    try:
        with safe_open(str(product), framework="numpy") as file:
            facts = json.loads(file.metadata()["facts"])
        return float(facts["tokens"]) / float(facts["tokens_per_second"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{product}: does not say what its training took ({error!r}); delete the file") from error


def write(models: Iterable[LanguageModelRecord], path: Path, records: Iterable[Record]) -> None:
    """Add language models to the file, sorted; one that is there already stays as it was measured first.

    Those that none of ``records``, the committed ones, starts from are taken out.

    Raises:
        EvidenceError: as :func:`read`.
    """
    started = {record.inputs.start for record in records}
    known = {model.start: model for model in models} | {model.start: model for model in read(path)}
    write_list(_RECORDS, sorted((model for model in known.values() if model.start in started), key=_order), path)


def read(path: Path) -> tuple[LanguageModelRecord, ...]:
    """All language models in the file; none where there is no file.

    Raises:
        EvidenceError: when the file is damaged.
    """
    return read_list(_RECORDS, path)


def _order(model: LanguageModelRecord) -> tuple[object, ...]:
    name = f"{model.dataset}/{model.recipe}/{model.implementation}/{model.arm.name}/decay-{model.arm.decay:g}"
    return natural_key(f"{name}/seed-{model.repetition}"), model.start
