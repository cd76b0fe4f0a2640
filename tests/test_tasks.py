from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sample_record import DATASET, DROPOUTS, RECIPE

from harness import tasks
from harness.specification import Arm, Cell, Hardware, LanguageModelArm, LanguageModelRecipe, Recipe, cell_id
from harness.tasks import GeneralModel, Stage, TargetModel, parent_stage, plan_tasks, product_key, stage_name

TUNED = LanguageModelArm("full+discr+stlr", "stlr", 2.6)
ARM = Arm("freez+stlr", "gradual", "stlr", 2.6, TUNED)
TRAINED = replace(RECIPE, general=LanguageModelRecipe(3, 4, 8, 0.008, DROPOUTS))
CELL = Cell(DATASET, TRAINED, "torch", ARM, 0.01, 0)

Change = Callable[[Cell], Cell]


def key(cell: Cell, device: str = "cpu") -> str:
    parent = parent_stage(cell)
    assert parent is not None
    return product_key(parent, Hardware(device))


def general_key(cell: Cell, device: str = "cpu") -> str:
    return product_key(GeneralModel(cell.dataset, cell.recipe), Hardware(device))


def with_recipe(cell: Cell, change: Callable[[Recipe], Recipe]) -> Cell:
    return replace(cell, recipe=change(cell.recipe))


def with_arm(cell: Cell, arm: LanguageModelArm) -> Cell:
    return replace(cell, arm=replace(cell.arm, start=arm))


def more_general_epochs(recipe: Recipe) -> Recipe:
    assert isinstance(recipe.general, LanguageModelRecipe)
    return replace(recipe, general=replace(recipe.general, epochs=4))


SHARED: dict[str, Change] = {
    "decay": lambda cell: replace(cell, arm=replace(cell.arm, decay=1.0)),
    "unfreezing": lambda cell: replace(cell, arm=replace(cell.arm, name="full", unfreezing="all")),
    "schedule": lambda cell: replace(cell, arm=replace(cell.arm, schedule="cosine")),
    "base rate": lambda cell: replace(cell, base_rate=0.02),
    "label budget": lambda cell: replace(cell, dataset=replace(cell.dataset, name="toy-5", labels=5)),
    "dataset title": lambda cell: replace(cell, dataset=replace(cell.dataset, title="Another title")),
    "classifier epochs": lambda cell: with_recipe(
        cell, lambda recipe: replace(recipe, classifier=replace(recipe.classifier, epochs=9))
    ),
}


def test_all_repetitions_of_a_crossing_start_from_one_language_model() -> None:
    crossed = with_recipe(CELL, lambda recipe: replace(recipe, crossing=3))
    assert key(replace(crossed, repetition=7)) == key(CELL) != key(replace(CELL, repetition=7))


TARGET_ONLY: dict[str, Change] = {
    "target epochs": lambda cell: with_recipe(
        cell, lambda recipe: replace(recipe, target=replace(recipe.target, epochs=2))
    ),
    "target rate": lambda cell: with_recipe(
        cell, lambda recipe: replace(recipe, target=replace(recipe.target, base_rate=0.001))
    ),
    "implementation": lambda cell: replace(cell, implementation="fastai"),
    "repetition": lambda cell: replace(cell, repetition=1),
    "language model decay": lambda cell: with_arm(cell, replace(TUNED, decay=1.0)),
    "language model schedule": lambda cell: with_arm(cell, replace(TUNED, schedule="constant")),
    "embedding group": lambda cell: with_arm(cell, replace(TUNED, embedding_group="bottom")),
}
BOTH: dict[str, Change] = {
    "text digest": lambda cell: replace(cell, dataset=replace(cell.dataset, digest="1" * 64)),
    "held-out documents": lambda cell: replace(cell, dataset=replace(cell.dataset, validation=11)),
    "language model documents": lambda cell: replace(cell, dataset=replace(cell.dataset, language_model_documents=7)),
    "corpus of the seeds": lambda cell: replace(cell, dataset=replace(cell.dataset, reader="other")),
    "width": lambda cell: with_recipe(cell, lambda recipe: replace(recipe, size=replace(recipe.size, hidden=32))),
    "word frequency": lambda cell: with_recipe(
        cell, lambda recipe: replace(recipe, size=replace(recipe.size, min_frequency=2))
    ),
    "direction": lambda cell: with_recipe(cell, lambda recipe: replace(recipe, direction="backward")),
    "general epochs": lambda cell: with_recipe(cell, more_general_epochs),
    "shipped model": lambda cell: with_recipe(cell, lambda recipe: replace(recipe, general=RECIPE.general)),
}


@pytest.mark.parametrize("change", SHARED.values(), ids=SHARED)
def test_cells_that_differ_only_in_the_classifier_stage_share_their_language_model(change: Change) -> None:
    assert change(CELL) != CELL
    assert key(change(CELL)) == key(CELL)


@pytest.mark.parametrize("change", TARGET_ONLY.values(), ids=TARGET_ONLY)
def test_a_change_of_the_target_stage_makes_another_target_model_of_the_same_general_one(change: Change) -> None:
    assert key(change(CELL)) != key(CELL)
    assert general_key(change(CELL)) == general_key(CELL)


@pytest.mark.parametrize("change", BOTH.values(), ids=BOTH)
def test_a_change_of_text_size_or_pre_training_makes_another_general_and_target_model(change: Change) -> None:
    assert key(change(CELL)) != key(CELL)
    assert general_key(change(CELL)) != general_key(CELL)


def test_the_kind_of_device_makes_another_product_and_its_number_does_not() -> None:
    assert key(CELL, "cuda") != key(CELL, "cpu")
    assert key(CELL, "cuda:1") == key(CELL, "cuda")


def test_other_training_code_makes_another_product(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(CELL)
    monkeypatch.setattr(tasks, "source_digest", lambda: "changed")
    assert key(CELL) != before


def test_the_parent_is_what_the_arm_starts_from() -> None:
    general = replace(CELL, arm=replace(ARM, start="general"))
    random = replace(CELL, arm=replace(ARM, start="random"))
    assert parent_stage(CELL) == TargetModel(DATASET, TRAINED, "torch", TUNED, 0)
    assert parent_stage(general) == GeneralModel(DATASET, TRAINED)
    assert parent_stage(random) is None


def test_tasks_come_after_what_they_need_and_shared_stages_once() -> None:
    cells = [replace(CELL, base_rate=rate, repetition=n) for rate in (0.01, 0.02) for n in (0, 1)]
    cells += [SHARED["label budget"](CELL), replace(CELL, arm=replace(ARM, name="vanilla", start="general"))]
    planned = plan_tasks([*cells, *cells], Hardware())
    names = [task.name for task in planned]
    assert len(names) == len(set(names)) == 1 + 2 + len(cells)
    for position, task in enumerate(planned):
        assert set(task.needs) <= set(names[:position])
    keys = [
        product_key(stage, Hardware())[:8] for stage in (GeneralModel(DATASET, TRAINED), parent_stage(CELL)) if stage
    ]
    general = f"language-model/{DATASET.reader}/mini/general/{keys[0]}"
    target = f"language-model/{DATASET.reader}/mini/torch/full+discr+stlr/decay-2.6/seed-0/{keys[1]}"
    needs = {task.name: task.needs for task in planned}
    assert (needs[general], needs[target]) == ((), (general,))
    assert needs[cell_id(cells[0])] == needs[cell_id(cells[4])] == (target,)  # the label budgets share it
    assert needs[cell_id(cells[5])] == (general,)


def test_a_cell_with_random_weights_needs_nothing() -> None:
    cell = replace(CELL, arm=replace(ARM, start="random"))
    (task,) = plan_tasks([cell], Hardware())
    assert (task.name, task.needs, task.payload) == (cell_id(cell), (), cell)


def test_stage_names_are_readable() -> None:
    stages: tuple[Stage, ...] = (GeneralModel(DATASET, TRAINED), TargetModel(DATASET, TRAINED, "fastai", TUNED, 3))
    assert [stage_name(stage) for stage in stages] == [
        f"language-model/{DATASET.reader}/mini/general",
        f"language-model/{DATASET.reader}/mini/fastai/full+discr+stlr/decay-2.6/seed-3",
    ]
