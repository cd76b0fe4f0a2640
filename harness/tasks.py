"""From cells to tasks: which stage products a set of cells needs, and the keys under which they are shared.

A product's key is the digest of everything that made it: data, sizes, recipe, seeds, device, code and the
product it started from. Arms with the same parent therefore share it, and a change of any input makes a new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version

from harness.environment import source_digest
from harness.runner import Task
from harness.seeds import CROSSED_REPETITION, derive_seeds
from harness.specification import Cell, Dataset, Hardware, Implementation, LanguageModelArm, Recipe, cell_id

THREADS = 1
TEXT_FIELDS = ("digest", "classes", "validation", "test", "training_documents", "language_model_documents")
GENERAL_ARM = LanguageModelArm("one-cycle", schedule="one-cycle", decay=1.0)
GENERAL_REPETITION = 0  # the general model is one for all repetitions, as a shipped one would be


@dataclass(frozen=True)
class GeneralModel:
    """Stage 1: a language model to start from; trained on the dataset's own text unless one is shipped."""

    dataset: Dataset
    recipe: Recipe


@dataclass(frozen=True)
class TargetModel:
    """Stage 2: the general model fine-tuned on the dataset's text."""

    dataset: Dataset
    recipe: Recipe
    implementation: Implementation
    arm: LanguageModelArm
    repetition: int


Stage = GeneralModel | TargetModel


def stage_name(stage: Stage) -> str:
    """Readable task name; what it does not say is told by the start of the product's key, see ``_add_stage``."""
    start = f"language-model/{stage.dataset.reader}/{stage.recipe.name}"
    if isinstance(stage, GeneralModel):
        return f"{start}/general"
    return f"{start}/{stage.implementation}/{stage.arm.name}/decay-{stage.arm.decay:g}/seed-{stage.repetition}"


def product_key(stage: Stage, hardware: Hardware) -> str:
    """SHA-256 over all that makes the product, as hexadecimal digits."""
    facts = _shared_facts(stage, hardware)
    if isinstance(stage, GeneralModel):
        facts |= {"stage": "general", "training": asdict(stage.recipe.general), "arm": asdict(GENERAL_ARM)}
        facts |= {"seeds": derive_seeds(stage.dataset.reader, "general", GENERAL_REPETITION)}
    else:
        facts |= {"stage": "target", "training": asdict(stage.recipe.target), "arm": asdict(stage.arm)}
        facts |= {"seeds": derive_seeds(stage.dataset.reader, "target", stage.repetition)}
        facts |= {"implementation": stage.implementation}
        facts |= {"parent": product_key(GeneralModel(stage.dataset, stage.recipe), hardware)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _shared_facts(stage: Stage, hardware: Hardware) -> dict[str, object]:
    dataset = asdict(stage.dataset)
    text = {name: value for name, value in dataset.items() if name in TEXT_FIELDS}
    return {
        "text": text,
        "size": asdict(stage.recipe.size),
        "direction": stage.recipe.direction,
        "device": hardware.device.partition(":")[0],
        "precision": hardware.precision,
        "versions": _versions(),
        "source": source_digest(),
    }


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "fastai", "numpy", "spacy")}


def parent_stage(cell: Cell) -> Stage | None:
    """The language model a cell starts from; None for random weights."""
    if cell.arm.start == "random":
        return None
    if cell.arm.start == "general":
        return GeneralModel(cell.dataset, cell.recipe)
    repetition = cell.repetition if cell.recipe.crossing is None else CROSSED_REPETITION
    return TargetModel(cell.dataset, cell.recipe, cell.implementation, cell.arm.start, repetition)


def plan_tasks(cells: Iterable[Cell], hardware: Hardware) -> tuple[Task, ...]:
    """All tasks that the cells need, parents before children; stages with the same product appear once."""
    tasks: dict[str, Task] = {}
    named: dict[str, str] = {}  # product key -> task name
    for cell in cells:
        parent = parent_stage(cell)
        needs = () if parent is None else (_add_stage(parent, hardware, tasks, named),)
        tasks[cell_id(cell)] = Task(cell_id(cell), needs, cell)
    return tuple(tasks.values())


def _add_stage(stage: Stage, hardware: Hardware, tasks: dict[str, Task], named: dict[str, str]) -> str:
    key = product_key(stage, hardware)
    if key not in named:
        general = GeneralModel(stage.dataset, stage.recipe)
        needs = () if isinstance(stage, GeneralModel) else (_add_stage(general, hardware, tasks, named),)
        named[key] = f"{stage_name(stage)}/{key[:8]}"
        tasks[named[key]] = Task(named[key], needs, stage)
    return named[key]
