"""The committed evidence of language models: what fine-tuning each of them cost, and what it did to its perplexity.

A cell's record names its starting encoder by digest, and by that digest a stored product is known to be its start: the
products themselves are large and not committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from harness.atomic import replace_text
from harness.evidence import EvidenceError, natural_key
from harness.record import Record
from harness.specification import Cell, Hardware, Implementation, LanguageModelArm, LanguageModelRecipe
from harness.store import Store
from harness.tasks import Stage, TargetModel, parent_stage, plan_tasks

FILE = "language-models.json"  # in the folder of the committed evidence


@dataclass(frozen=True)
class LanguageModelRecord:
    """A language model that was fine-tuned on a data set's text.

    ``start`` is the digest of its encoder, as in ``Inputs.start`` of the cells that start from it; ``dataset`` the
    first of their data sets, where several share the text. The perplexities are those on held-out documents of the
    text, of the general model and of this one. ``tokens`` is how many were read, all epochs together.
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
    commit: str

    @property
    def seconds(self) -> float:
        """What its training took, by the clock of one worker."""
        return self.tokens / self.tokens_per_second


_RECORDS = TypeAdapter(tuple[LanguageModelRecord, ...])


def collect(store: Store, records: Iterable[Record]) -> tuple[LanguageModelRecord, ...]:
    """Describe the fine-tuned language models among the store's products that cells of ``records`` start from.

    Raises:
        WeightsError: when a product is damaged.
    """
    from harness.weights import encoder_only, load, weights_digest  # noqa: PLC0415  (imports torch)

    cells: dict[str, Cell] = {}
    for record in sorted(records, key=lambda record: natural_key(record.cell)):
        if record.inputs.start is not None:
            cells.setdefault(record.inputs.start, record.specification)
    found: list[LanguageModelRecord] = []
    for path in store.products():
        weights, facts = load(path)
        start = weights_digest(encoder_only(weights))
        stage = parent_stage(cells[start]) if start in cells else None
        if isinstance(stage, TargetModel):
            measured = {name: facts[name] for name in ("perplexity_before", "perplexity", "tokens", "commit")}
            told = {
                "dataset": stage.dataset.name,
                "recipe": stage.recipe.name,
                "implementation": stage.implementation,
                "arm": stage.arm,
                "repetition": stage.repetition,
                "start": start,
                "tokens_per_second": facts["tokens_per_second"],
            }
            found += _RECORDS.validate_python([told | measured])
    return tuple(found)


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


def write(models: Iterable[LanguageModelRecord], path: Path) -> None:
    """Add language models to the file, one a line, sorted; one that is there already stays as it was measured first.

    A file whose content does not change is not written.

    Raises:
        EvidenceError: as :func:`read`.
    """
    known = {model.start: model for model in models} | {model.start: model for model in read(path)}
    lines = [_RECORDS.dump_json((model,)).decode()[1:-1] for model in sorted(known.values(), key=_order)]
    text = "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        replace_text(path, text)


def read(path: Path) -> tuple[LanguageModelRecord, ...]:
    """All language models in the file; none where there is no file.

    Raises:
        EvidenceError: when the file is damaged.
    """
    if not path.exists():
        return ()
    try:
        models: tuple[LanguageModelRecord, ...] = _RECORDS.validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole text"
        raise EvidenceError(f"{path}: {place}: {first['msg']}; restore the file from its last commit") from error
    return models


def _order(model: LanguageModelRecord) -> tuple[object, ...]:
    name = f"{model.dataset}/{model.recipe}/{model.implementation}/{model.arm.name}/decay-{model.arm.decay:g}"
    return natural_key(f"{name}/seed-{model.repetition}"), model.start
